// The form for a code: usual times at a press, and doors found by name.
"use strict";

document.addEventListener("click", (event) => {
  const preset = event.target.closest("[data-preset]");
  if (!preset) return;
  document.getElementById("id_starts").value = preset.dataset.starts;
  document.getElementById("id_ends").value = preset.dataset.ends;
  window.lockboard.say(`${preset.textContent.trim()} filled in.`);
});

// What did not change is not swapped: whoever is at a button in it would miss it.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const [now, next] = [event.detail.target, event.detail.fragment.firstElementChild];
  if (next && now.isEqualNode(next)) event.detail.shouldSwap = false;
});

document.querySelector("[data-door-search]")?.addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const door of document.querySelectorAll("[data-door-name]")) {
    door.hidden = !words.every((word) => door.dataset.doorName.includes(word));
  }
});

document.querySelector("[data-door-search]")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter") event.preventDefault();
});
