// Runs before the first paint: the colours, density and shortcut keys this browser chose.
"use strict";

(() => {
  const root = document.documentElement;
  root.dataset.js = "";
  for (const choice of ["theme", "density", "keys"]) {
    let value = "";
    try {
      value = localStorage.getItem(choice) || "";
    } catch {
      // Storage may be forbidden; then it is as the system says.
    }
    if (value) root.dataset[choice] = value;
  }
})();
