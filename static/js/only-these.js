// Who may see which properties: ticking one chooses "Only these:" by itself.
"use strict";

(() => {
  const boxes = [...document.querySelectorAll('[name="properties"]')];
  const only = document.querySelector('[name="where"][value="some"]');
  if (!only) return;

  function choose() {
    if (boxes.some((box) => box.checked)) only.checked = true;
  }

  for (const box of boxes) box.addEventListener("change", choose);
  // As typed before, with something else that was wrong.
  if (!document.querySelector('[name="where"]:checked')) choose();
})();
