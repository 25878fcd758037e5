// Older lines take the place of the link to them; the focus goes on where they begin.
"use strict";

(() => {
  let before = null;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const row = event.target.closest?.(".log-more");
    if (row) before = row.previousElementSibling;
  });

  document.addEventListener("htmx:afterSettle", () => {
    const first = before?.nextElementSibling;
    before = null;
    if (!first) return;
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  });
})();
