// A button that copies a text or a field: [data-copy] names its id, [data-copied] says what it was.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  const what = button.dataset.copied || "Link";
  if (field.select) field.select();
  else getSelection().selectAllChildren(field);
  try {
    await navigator.clipboard.writeText(field.value ?? field.textContent);
    window.lockboard.say(`${what} copied.`);
    button.lastChild.textContent = "Copied";
  } catch {
    window.lockboard.say(`Press Ctrl and C to copy the ${what.toLowerCase()}.`);
  }
});
