// One box that ticks all boxes of a name, and says so when all or some of them are ticked.
"use strict";

(() => {
  const boxes = (all) => [...document.querySelectorAll(`[name="${all.dataset.tickAll}"]`)];

  function show() {
    const all = document.querySelector("[data-tick-all]");
    if (!all) return;
    const ticked = boxes(all).filter((box) => box.checked).length;
    all.checked = ticked > 0 && ticked === boxes(all).length;
    all.indeterminate = ticked > 0 && !all.checked;
  }

  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-tick-all]");
    if (all) for (const box of boxes(all)) box.checked = all.checked;
    show();
  });
  // News of the list keep what is ticked, and may bring more rows.
  document.addEventListener("htmx:afterSettle", show);
})();
