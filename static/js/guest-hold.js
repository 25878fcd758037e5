// Opening a door from a guest's page. The button is held for a second; or, by keyboard, by
// assistive technology or by choice, pressed twice. The server measures the second, too: it gives
// out a nonce when the press begins and takes it back no sooner.
"use strict";

(() => {
  const list = document.querySelector("[data-unlock]");
  if (!list?.dataset.unlock) return;
  const words = list.dataset;
  const HOLD_MS = 1000;
  const ARMED_MS = 15_000;
  const PATIENCE_MS = 40_000;
  let press = null; // {button, mode: "hold" | "twice", nonce, timer}
  let isTwice = false;

  const outcomeOf = (button) => button.closest(".guest-door").querySelector("[data-outcome]");
  const wordOf = (button) => button.querySelector("[data-word]");
  const idleWord = () => (isTwice ? words.twiceWord : words.holdWord);

  function note(button, text, tone = "warn") {
    const line = document.createElement("p");
    line.className = `guest-note is-${tone}`;
    line.textContent = text;
    outcomeOf(button).replaceChildren(line);
  }

  function reset() {
    if (!press) return;
    const { button, timer } = press;
    press = null;
    clearTimeout(timer);
    delete button.dataset.counting;
    delete button.dataset.armed;
    wordOf(button).textContent = idleWord();
  }

  function send(url, fields) {
    return fetch(url, {
      method: "POST",
      body: new URLSearchParams({ key: words.key, ...fields }),
      signal: AbortSignal.timeout(12_000),
    });
  }

  function show(button, html) {
    const parsed = new DOMParser().parseFromString(html, "text/html").querySelector(".guest-note");
    if (!parsed) return note(button, words.unheard);
    outcomeOf(button).replaceChildren(parsed);
    return parsed;
  }

  async function begin(button, mode) {
    reset();
    const mine = (press = { button, mode, timer: 0, nonce: "" });
    outcomeOf(button).replaceChildren();
    wordOf(button).textContent = words.holding;
    try {
      const answer = await send(words.hold, { door: button.dataset.door });
      if (press !== mine) return;
      const text = await answer.text();
      if (press !== mine) return;
      if (!answer.ok) {
        reset();
        show(button, text);
        return;
      }
      mine.nonce = text;
    } catch {
      if (press === mine) reset();
      note(button, words.unsent);
      return;
    }
    if (mode === "hold") button.dataset.counting = "";
    else wordOf(button).textContent = words.again;
    mine.timer = setTimeout(() => ready(mine), HOLD_MS);
  }

  function ready(mine) {
    if (press !== mine) return;
    if (mine.mode === "hold") {
      fire(mine);
      return;
    }
    mine.isReady = true;
    mine.button.dataset.armed = "";
    mine.timer = setTimeout(reset, ARMED_MS);
  }

  async function fire({ button, nonce }) {
    reset();
    button.setAttribute("aria-busy", "true");
    wordOf(button).textContent = words.sending;
    navigator.vibrate?.(30);
    try {
      const answer = await send(words.unlock, { door: button.dataset.door, nonce });
      await follow(button, show(button, await answer.text()));
    } catch {
      note(button, words.unheard);
    }
    button.removeAttribute("aria-busy");
    wordOf(button).textContent = idleWord();
  }

  // Ask again while it is under way; what is not confirmed may be, a little later.
  async function follow(button, line) {
    const until = Date.now() + PATIENCE_MS;
    let shown = line;
    while (shown?.dataset.poll && Date.now() < until) {
      if (shown.dataset.tone !== "info") button.removeAttribute("aria-busy");
      await new Promise((resolve) => setTimeout(resolve, shown.dataset.tone === "info" ? 400 : 3000));
      if (press?.button === button) return;
      const answer = await fetch(shown.dataset.poll, { signal: AbortSignal.timeout(8000) });
      shown = show(button, await answer.text());
    }
  }

  document.addEventListener("pointerdown", (event) => {
    const button = event.target.closest(".guest-hold");
    if (press?.mode === "hold" || (press && press.button !== button)) reset();
    if (!button || isTwice || event.button !== 0 || button.getAttribute("aria-busy") === "true") return;
    begin(button, "hold");
  });

  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => {
      if (press?.mode !== "hold") return;
      const { button } = press;
      reset();
      if (end === "pointerup") note(button, words.short, "info");
    });
  }

  // Clicks without a pointer: keyboard and assistive technology. They press twice.
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".guest-hold");
    if (!button || button.getAttribute("aria-busy") === "true") return;
    if (!isTwice && event.detail !== 0) return;
    if (press?.mode === "twice" && press.button === button) {
      if (press.isReady) fire(press);
    } else {
      begin(button, "twice");
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") reset();
    if (event.repeat && event.target.closest?.(".guest-hold")) event.preventDefault();
  });
  document.addEventListener("contextmenu", (event) => {
    if (event.target.closest(".guest-hold")) event.preventDefault();
  });
  document.addEventListener("visibilitychange", reset);
  addEventListener("blur", reset);

  document.querySelector("[data-two-steps]")?.addEventListener("click", ({ currentTarget }) => {
    reset();
    isTwice = !isTwice;
    currentTarget.setAttribute("aria-pressed", String(isTwice));
    document.querySelector("[data-hint]").textContent = isTwice ? words.twiceHint : words.holdHint;
    for (const button of list.querySelectorAll(".guest-hold")) wordOf(button).textContent = idleWord();
  });
  list.dataset.ready = "";
})();
