// The form for a code: usual times at a press, and doors found by name.
"use strict";

document.addEventListener("click", (event) => {
  const preset = event.target.closest("[data-preset]");
  if (!preset) return;
  document.getElementById("id_starts").value = preset.dataset.starts;
  document.getElementById("id_ends").value = preset.dataset.ends;
  window.lockboard.say(`${preset.textContent.trim()} filled in.`);
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
