// The buttons of a tile. Unlock takes two deliberate presses: one arms, the next one opens.
"use strict";

(() => {
  const lockboard = window.lockboard;
  const ARMED_SECONDS = 5;
  const GUARD_MS = 400;
  let armed = null;

  function newKey(button) {
    return crypto.randomUUID?.() ?? button.dataset.key;
  }

  function question(name) {
    const text = document.createElement("span");
    text.className = "unlock-question";
    const who = document.createElement("bdi");
    who.textContent = name;
    text.append("Unlock ", who, "?");
    const seconds = document.createElement("span");
    seconds.className = "unlock-seconds";
    const bar = document.createElement("span");
    bar.className = "unlock-bar";
    return { nodes: [text, seconds, bar], seconds };
  }

  function showSeconds() {
    const left = Math.ceil(ARMED_SECONDS - (Date.now() - armed.at) / 1000);
    if (left <= 0) lockboard.disarm();
    else armed.seconds.textContent = `${left}\u00a0s`;
  }

  function arm(button) {
    lockboard.disarm();
    const { nodes, seconds } = question(button.dataset.name);
    armed = { button, seconds, at: Date.now(), was: [...button.childNodes], label: button.getAttribute("aria-label") };
    button.replaceChildren(...nodes);
    button.dataset.armed = "";
    button.setAttribute("aria-label", `Confirm unlock ${button.dataset.name}`);
    armed.timer = setInterval(showSeconds, 200);
    showSeconds();
    lockboard.say(`Press again within ${ARMED_SECONDS} seconds to unlock ${button.dataset.name}`);
  }

  lockboard.disarm = () => {
    if (!armed) return;
    const { button, was, label, timer } = armed;
    armed = null;
    clearInterval(timer);
    button.replaceChildren(...was);
    delete button.dataset.armed;
    button.setAttribute("aria-label", label);
  };

  function busy(button) {
    const spinner = document.createElement("span");
    spinner.className = "spinner";
    button.sending = [...button.childNodes];
    button.replaceChildren(spinner, "Sending…");
    button.setAttribute("aria-busy", "true");
    button.setAttribute("aria-disabled", "true");
  }

  // Give the buttons of a tile back when no answer came that would replace them.
  lockboard.release = (tile) => {
    for (const button of tile.querySelectorAll('button[aria-busy="true"]')) {
      if (!button.sending) continue;
      button.replaceChildren(...button.sending);
      button.removeAttribute("aria-busy");
      button.removeAttribute("aria-disabled");
    }
  };

  function fire(button, { reason = "" } = {}) {
    const key = newKey(button);
    lockboard.disarm();
    busy(button);
    lockboard.send(button.closest(".tile"), button.dataset.unlock, { idempotency_key: key, reason, again: button.dataset.again });
  }

  function pressUnlock(button, event) {
    const { policy, name } = button.dataset;
    const asks = policy === "reason" || "confirmsInDialog" in document.body.dataset;
    if (armed?.button === button) {
      // However slow: what the system calls a double or triple click is one press.
      if (event.detail <= 1 && Date.now() - armed.at >= GUARD_MS) fire(button);
    } else if (policy === "none") {
      fire(button);
    } else if (asks && lockboard.ask) {
      lockboard.disarm();
      const door = button.closest(".tile").dataset.door;
      lockboard.ask(name, { reason: policy === "reason" }, (answer) => {
        // The tile may have been redrawn behind the dialog.
        const again = lockboard.tile(door)?.querySelector("[data-unlock]:not([aria-disabled])");
        if (answer && again) fire(again, answer);
        else again?.focus({ preventScroll: true });
      });
    } else {
      arm(button);
    }
  }

  function why(button) {
    if (!lockboard.isConnected()) return "No connection to the server. Unlock is off until it is back.";
    const note = document.getElementById(button.getAttribute("aria-describedby") || "");
    return note ? note.textContent : "Not just now.";
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-unlock], [data-lock], [data-settle], [data-refresh], .unlock");
    if (armed && button !== armed.button) lockboard.disarm();
    if (!button) return;
    event.preventDefault();
    const tile = button.closest(".tile");
    if (button.getAttribute("aria-disabled") === "true" || !lockboard.isConnected()) {
      lockboard.disarm();
      if (button.getAttribute("aria-busy") !== "true") lockboard.say(why(button));
    } else if (button.dataset.unlock) {
      pressUnlock(button, event);
    } else if (button.dataset.lock) {
      busy(button);
      lockboard.send(tile, button.dataset.lock, { idempotency_key: newKey(button) });
    } else {
      busy(button);
      lockboard.send(tile, button.dataset.settle || button.dataset.refresh, { outcome: button.dataset.outcome });
    }
  });

  // A finger that taps beside a button makes no click everywhere.
  document.addEventListener("pointerdown", (event) => {
    if (armed && !armed.button.contains(event.target)) lockboard.disarm();
  });

  document.addEventListener("keydown", (event) => {
    // A key held down is one press, not many.
    if (event.repeat && event.target.closest("[data-unlock], [data-lock], [data-ask]") && event.key === "Enter") event.preventDefault();
    if (event.key === "Escape" && armed) lockboard.disarm();
  });
})();
