// Single letters that follow a link of the page, such as N for a new guest; those of a row count
// while the focus is in it. Off where somebody switched single keys off; never while typing.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.documentElement.dataset.keys === "off") return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog")) return;
  if (!/^[a-z]$/.test(event.key)) return;
  const link =
    event.target.closest("[data-row]")?.querySelector(`[data-key="${event.key}"]`) ??
    document.querySelector(`[data-key="${event.key}"]:not([data-row] *)`);
  if (!link) return;
  event.preventDefault();
  link.click();
});
