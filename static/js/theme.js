// Runs before the first paint: the colours, density, shortcut keys and hidden rooms this browser chose.
"use strict";

(() => {
  const root = document.documentElement;
  root.dataset.js = "";
  for (const choice of ["theme", "density", "keys", "rooms"]) {
    let value = "";
    try {
      value = localStorage.getItem(choice) || "";
    } catch {
      // Storage may be forbidden; then it is as the system says.
    }
    if (value) root.dataset[choice] = value;
  }
})();
