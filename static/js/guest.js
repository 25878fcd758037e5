// A guest's page: copy and enlarge a code, print, keep the offline page.
"use strict";

(() => {
  document.documentElement.dataset.js = "";
  const foot = document.querySelector("[data-worker]");

  function say(text) {
    const place = document.querySelector("[data-say]");
    if (place) place.textContent = text;
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copyDigits);
    } catch {
      const digits = button.closest("section").querySelector("[data-digits]");
      getSelection().selectAllChildren(digits);
      return;
    }
    button.querySelector("span").textContent = button.dataset.said;
    say(button.dataset.said);
  }

  function enlarge(button, isBig) {
    document.getElementById(button.dataset.bigger).classList.toggle("is-bigger", isBig);
    button.setAttribute("aria-pressed", String(isBig));
    button.querySelector("span").textContent = isBig ? button.dataset.less : button.dataset.more;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy-digits], [data-bigger], [data-print]");
    if (!button) return;
    if ("print" in button.dataset) print();
    else if (button.dataset.bigger) enlarge(button, button.getAttribute("aria-pressed") !== "true");
    else copy(button);
  });

  document.addEventListener("keydown", (event) => {
    const button = event.key === "Escape" && document.querySelector('[data-bigger][aria-pressed="true"]');
    if (button) enlarge(button, false);
  });

  // A hand at work: the message was opened by a person, not only fetched.
  if (foot?.dataset.seen) {
    const signs = ["pointerdown", "keydown", "touchstart"];
    const once = () => {
      for (const sign of signs) removeEventListener(sign, once);
      fetch(foot.dataset.seen, { method: "POST", body: new URLSearchParams({ key: foot.dataset.key }), keepalive: true }).catch(() => {});
    };
    for (const sign of signs) addEventListener(sign, once, { passive: true });
  }

  // Kept for when there is no connection: the way there, the times, whom to call.
  if (foot && "serviceWorker" in navigator) {
    addEventListener("load", async () => {
      try {
        await navigator.serviceWorker.register(foot.dataset.worker);
        const { active } = await navigator.serviceWorker.ready;
        active.postMessage("keep");
      } catch {
        // Without it the page works as well, but for the lift.
      }
    });
  }
})();
