// A button that copies the text of a field: [data-copy] names the field's id.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    window.lockboard.say("Link copied.");
    button.lastChild.textContent = "Copied";
  } catch {
    window.lockboard.say("Press Ctrl and C to copy the link.");
  }
});
