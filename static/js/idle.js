// Warns before a session ends for want of a person, and lets them stay with one press.
"use strict";

(() => {
  const WARN_SECONDS = 120;
  const body = document.body;
  const idleSeconds = Number(body.dataset.idleSeconds);
  const box = document.querySelector("[data-idle]");
  if (!idleSeconds || !box) return;
  const text = box.querySelector("[data-idle-text]");
  let seenAt = Date.now();
  let isWarned = false;
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("lockboard-seen") : null;

  function seen({ tell = true } = {}) {
    seenAt = Date.now();
    isWarned = false;
    box.hidden = true;
    if (tell) channel?.postMessage("seen");
  }

  async function stay() {
    const token = document.querySelector('meta[name="csrf-token"]').content;
    try {
      const answer = await fetch(body.dataset.stay, { method: "POST", headers: { "X-CSRFToken": token }, redirect: "manual" });
      if (answer.ok) {
        seen();
        window.lockboard.say("You stay signed in.");
      } else {
        location.reload();
      }
    } catch {
      text.textContent = "No connection. Try again in a moment.";
    }
  }

  function look() {
    const left = idleSeconds - (Date.now() - seenAt) / 1000;
    if (left <= 0) {
      location.reload(); // meets the sign-in page if the session is over, and says so
      return;
    }
    if (left > WARN_SECONDS) return;
    const minutes = Math.ceil(left / 60);
    text.textContent = `You will be signed out in ${minutes} ${minutes === 1 ? "minute" : "minutes"}.`;
    box.hidden = false;
    if (!isWarned) window.lockboard.say(`${text.textContent} Press Stay signed in to stay.`);
    isWarned = true;
  }

  // What people send counts as them being here; what pages fetch by themselves does not.
  document.addEventListener("lockboard:sent", () => seen());
  document.addEventListener("htmx:afterRequest", () => seen());
  channel?.addEventListener("message", () => seen({ tell: false }));
  box.querySelector("[data-stay-button]").addEventListener("click", stay);
  setInterval(look, 5000);
  channel?.postMessage("seen"); // loading a page is being here
})();
