// What did not change is not swapped: whoever is at a button in it would miss it.
"use strict";

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const [now, next] = [event.detail.target, event.detail.fragment.firstElementChild];
  if (next && now.isEqualNode(next)) event.detail.shouldSwap = false;
});
