// The dialog before a door opens: for a reason, or for people who asked for no time limit.
"use strict";

(() => {
  const lockboard = window.lockboard;
  const dialog = document.querySelector("[data-ask]");
  if (!dialog) return;
  const form = dialog.querySelector("form");
  const part = (name) => dialog.querySelector(`[data-ask-${name}]`);
  const GUARD_MS = 400;
  let openedAt = 0;
  let wantsReason = false;
  let done = () => {};

  function chosen() {
    const radio = form.querySelector('input[name="reason"]:checked');
    if (!radio) return "";
    return radio.value || part("text").value.trim();
  }

  function complain(text) {
    part("error").textContent = text;
    (part("other").hidden ? form.querySelector('input[name="reason"]') : part("text")).focus();
  }

  // Call `done` with {reason} when the person confirms; with null when they do not.
  lockboard.ask = (name, { reason }, whenDone) => {
    wantsReason = reason;
    done = whenDone;
    form.reset();
    part("name").textContent = name;
    part("reasons").hidden = !reason;
    part("other").hidden = true;
    part("error").textContent = "";
    part("note").textContent = reason ? "It opens at once. The reason stands in the log with your name." : "It opens at once.";
    part("confirm").setAttribute("aria-label", `Confirm unlock ${name}`);
    openedAt = Date.now();
    dialog.returnValue = "";
    dialog.showModal();
    (reason ? form.querySelector('input[name="reason"]') : part("confirm")).focus();
  };

  form.addEventListener("change", () => {
    const radio = form.querySelector('input[name="reason"]:checked');
    part("other").hidden = !radio || radio.value !== "";
    part("error").textContent = "";
    if (!part("other").hidden) part("text").focus();
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // The second half of a double click is not a decision.
    if (Date.now() - openedAt < GUARD_MS) return;
    const reason = wantsReason ? chosen() : "";
    if (wantsReason && !reason) {
      complain(part("other").hidden ? "Choose a reason." : "Say it in a few words.");
      return;
    }
    const confirmed = done;
    done = () => {};
    dialog.close();
    confirmed({ reason });
  });

  part("cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog && Date.now() - openedAt > GUARD_MS) dialog.close();
  });
  dialog.addEventListener("close", () => {
    const cancelled = done;
    done = () => {};
    cancelled(null);
  });
})();
