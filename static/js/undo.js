// Counts down how long something can be taken back, and says when it no longer can.
"use strict";

(() => {
  let said = "";

  function tick() {
    for (const place of document.querySelectorAll("[data-undo-left]")) {
      const due = Date.parse(place.dataset.undoLeft);
      const left = Math.ceil((due - Date.now()) / 1000);
      const text = left > 0 ? ` (in ${left} s)` : "";
      if (place.textContent !== text) place.textContent = text;
      const word = `${place.dataset.undoLeft} ${left > 0}`;
      if (said === word) continue;
      said = word;
      window.lockboard.say(left > 0 ? `Revoked. Undo is offered for ${left} seconds.` : "The doors are being told.");
    }
  }

  setInterval(tick, 250);
  tick();
})();
