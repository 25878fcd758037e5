// Says things to people who listen: politely, or at once. Never more than asked for.
"use strict";

window.lockboard = {
  say(text, { urgent = false } = {}) {
    const region = document.getElementById(urgent ? "urgent" : "polite");
    if (!region) return;
    this.hush(region.id);
    // A new text in an emptied region is spoken even where it is the same as before.
    region.later = setTimeout(() => {
      region.textContent = text;
      // Somebody who reads the page later must not find there what is over.
      region.later = setTimeout(() => this.hush(region.id), 10_000);
    }, 60);
  },

  hush(name) {
    const region = document.getElementById(name);
    if (!region) return;
    clearTimeout(region.later);
    region.textContent = "";
  },
};
