// Says things to people who listen: politely, or at once. Never more than asked for.
"use strict";

window.lockboard = {
  say(text, { urgent = false } = {}) {
    const region = document.getElementById(urgent ? "urgent" : "polite");
    if (!region) return;
    region.textContent = "";
    // A new text in an emptied region is spoken even where it is the same as before.
    setTimeout(() => (region.textContent = text), 60);
  },
};
