// Sends one press to the server and puts its answer, a tile, where the button was.
"use strict";

(() => {
  const lockboard = window.lockboard;
  const UNHEARD = "We could not hear the answer. The board will show what happened.";
  const UNSENT = "No connection: nothing was sent.";
  const READ_MS = 8000;
  // Doors this person acted on here, until their outcome was told: since when, and the outcome
  // that they know of already.
  const mine = new Map();
  // What an answer said to this person: it stays for a while, though the tile is redrawn.
  const said = new Map();

  function note(tile, text, link) {
    const place = tile.querySelector("[data-notice]");
    if (place) {
      place.classList.replace("is-info", "is-warn");
      place.querySelector("[data-notice-text]").replaceChildren(text, ...(link ? [" ", link] : []));
      place.hidden = false;
    }
    tile.removeAttribute("aria-busy");
    lockboard.release?.(tile);
    lockboard.say(`${tile.dataset.name}: ${text}`, { urgent: true });
  }

  function linkTo(address, word) {
    const link = document.createElement("a");
    link.href = address;
    link.textContent = word;
    return link;
  }

  // It will not work at the next press either: say why there, too.
  function close(tile, text) {
    note(tile, text);
    const place = tile.querySelector("[data-notice-text]");
    if (!place) return;
    place.id = `notice-${tile.dataset.door}`;
    for (const button of tile.querySelectorAll(".tile-actions button, [data-attempt-card] button")) {
      button.setAttribute("aria-disabled", "true");
      button.setAttribute("aria-describedby", place.id);
    }
  }

  async function refuse(tile, answer) {
    if (answer.status === 404) {
      close(tile, "Nothing was sent. This door is no longer on the board.");
    } else if (answer.status === 403 && !(await answer.text()).includes("data-page-too-old")) {
      close(tile, "Nothing was sent. You may no longer open this door.");
    } else if (answer.status === 403) {
      note(tile, "Nothing was sent. This page is too old.", linkTo(location.href, "Load it again"));
    } else {
      const back = encodeURIComponent(location.pathname + location.search);
      note(tile, "Nothing was sent. You are signed out.", linkTo(`${document.body.dataset.signIn}?next=${back}`, "Sign in"));
      lockboard.catchUp?.(); // the whole board is not live any more, and says so
    }
    mine.delete(tile.dataset.door);
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

  // What the answer says to this one person. It goes when it was read, or when it is over.
  function tell(tile, notice, answer) {
    lockboard.say(`${tile.dataset.name}: ${notice}`, { urgent: !answer.ok });
    const wait = Number(answer.headers.get("Retry-After"));
    const button = tile.querySelector("[data-unlock]");
    if (wait && button) {
      button.dataset.waitFrom = new Date(lockboard.now()).toISOString();
      button.dataset.waitSeconds = String(wait);
      lockboard.tick(tile);
    }
    if (answer.ok && tile.dataset.outcome === "unconfirmed") {
      mine.set(tile.dataset.door, { at: Date.now(), knows: "unconfirmed" });
    }
    const readMs = wait ? 1000 * wait : READ_MS;
    said.set(tile.dataset.door, { text: notice, isGood: answer.ok, until: Date.now() + readMs });
    // A timer may be early by the clock, and would then leave it for ever.
    if (answer.ok || wait) setTimeout(() => hide(tile.dataset.door), readMs + 100);
  }

  function hide(door) {
    const place = lockboard.tile(door)?.querySelector("[data-notice]");
    if (place && Date.now() >= (said.get(door)?.until ?? 0)) place.hidden = true;
  }

  function sayAgain(tile) {
    const { text, isGood, until } = said.get(tile.dataset.door) ?? {};
    const place = tile.querySelector("[data-notice]");
    if (!text || !place?.hidden || tile.dataset.state === "sending") return;
    if (Date.now() >= until) {
      said.delete(tile.dataset.door);
      return;
    }
    if (!isGood) place.classList.replace("is-info", "is-warn");
    place.querySelector("[data-notice-text]").textContent = text;
    place.hidden = false;
  }

  async function take(tile, answer) {
    if (answer.headers.get("X-Lockboard-Tile")) {
      const fresh = lockboard.parse(await answer.text());
      const notice = fresh?.querySelector("[data-notice]:not([hidden]) [data-notice-text]")?.textContent;
      if (notice) mine.delete(tile.dataset.door);
      const shown = lockboard.swap(fresh, { isAnswer: true });
      if (shown && notice) tell(shown, notice, answer);
    } else if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403 || answer.status === 404) {
      await refuse(tile, answer);
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
    said.delete(tile.dataset.door);
    mine.set(tile.dataset.door, { at: Date.now() });
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
    const isGood = tile.dataset.outcome === "success";
    if (card || !isGood) return card && { text: `${tile.dataset.name}: ${card}`, urgent: !isGood };
    return { text: `${tile.dataset.name}: ${isLock ? "locked." : "door released."}`, urgent: false };
  }

  // Tell the outcome of one's own press, once; of nobody else's.
  document.addEventListener("lockboard:tile", ({ detail: { tile } }) => {
    sayAgain(tile);
    const pressed = mine.get(tile.dataset.door);
    if (!pressed || tile.dataset.state === "sending" || !tile.dataset.outcome) return;
    if (pressed.knows === tile.dataset.outcome) return;
    mine.delete(tile.dataset.door);
    const told = outcome(tile);
    if (told) lockboard.say(told.text, { urgent: told.urgent });
  });

  // A press that nobody answers for a while: look whether the board missed it.
  setInterval(() => {
    for (const [door, { at }] of mine) {
      if (Date.now() - at > 60_000) mine.delete(door);
      else if (Date.now() - at > 5000 && !lockboard.isLive?.()) lockboard.catchUp?.();
    }
  }, 3000);
})();
