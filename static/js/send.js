// Sends one press to the server and puts its answer, a tile, where the button was.
"use strict";

(() => {
  const lockboard = window.lockboard;
  const UNHEARD = "We could not hear the answer. The board will show what happened.";
  const UNSENT = "No connection: nothing was sent.";
  // Doors this person acted on here, until their outcome was told.
  const mine = new Map();

  function note(tile, text) {
    const place = tile.querySelector("[data-notice]");
    if (place) {
      place.classList.replace("is-info", "is-warn");
      place.querySelector("[data-notice-text]").textContent = text;
      place.hidden = false;
    }
    tile.removeAttribute("aria-busy");
    lockboard.release?.(tile);
    lockboard.say(`${tile.dataset.name}: ${text}`, { urgent: true });
  }

  function post(url, fields) {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) if (value) body.set(name, value);
    return fetch(url, {
      method: "POST",
      body,
      headers: {
        "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content,
        "X-Requested-With": "XMLHttpRequest",
      },
      redirect: "manual",
      signal: AbortSignal.timeout(12_000),
    });
  }

  async function take(tile, answer) {
    if (answer.headers.get("X-Lockboard-Tile")) {
      const fresh = lockboard.parse(await answer.text());
      const notice = fresh?.querySelector("[data-notice]:not([hidden]) [data-notice-text]")?.textContent;
      const shown = lockboard.swap(fresh, { isAnswer: true });
      if (shown && notice) {
        mine.delete(shown.dataset.door);
        lockboard.say(`${shown.dataset.name}: ${notice}`, { urgent: true });
      }
    } else if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403 || answer.status === 404) {
      location.reload(); // signed out, or no longer allowed: the page says which
    } else {
      note(tile, UNHEARD);
    }
  }

  // Return when the answer is shown. Sends nothing twice, whatever happens.
  lockboard.send = async (tile, url, fields) => {
    if (!navigator.onLine) {
      note(tile, UNSENT);
      return;
    }
    tile.setAttribute("aria-busy", "true");
    mine.set(tile.dataset.door, Date.now());
    document.dispatchEvent(new CustomEvent("lockboard:sent"));
    try {
      await take(tile, await post(url, fields));
    } catch {
      note(tile, UNHEARD);
      lockboard.catchUp?.();
    }
  };

  function outcome(tile) {
    const isLock = tile.dataset.action === "lock";
    const card = tile.querySelector("[data-attempt-card] p")?.textContent.trim();
    if (tile.dataset.outcome !== "success") return card && { text: `${tile.dataset.name}: ${card}`, urgent: true };
    return { text: `${tile.dataset.name}: ${isLock ? "locked." : "door released."}`, urgent: false };
  }

  // Tell the outcome of one's own press, once; of nobody else's.
  document.addEventListener("lockboard:tile", ({ detail: { tile } }) => {
    if (!mine.has(tile.dataset.door) || tile.dataset.state === "sending" || !tile.dataset.outcome) return;
    mine.delete(tile.dataset.door);
    const told = outcome(tile);
    if (told) lockboard.say(told.text, { urgent: told.urgent });
  });

  // A press that nobody answers for a while: look whether the board missed it.
  setInterval(() => {
    for (const [door, at] of mine) {
      if (Date.now() - at > 60_000) mine.delete(door);
      else if (Date.now() - at > 5000 && !lockboard.isLive?.()) lockboard.catchUp?.();
    }
  }, 3000);
})();
