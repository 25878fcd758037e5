// Keeps times on tiles true: ages, what is stale, countdowns. Once a second, for what is seen.
"use strict";

(() => {
  const lockboard = window.lockboard;
  const board = document.querySelector("[data-board]");
  const seen = new Set();
  // The server's clock decides; this browser's may be wrong by minutes.
  let ahead = board?.dataset.cursor ? Date.parse(board.dataset.cursor) - Date.now() : 0;

  lockboard.now = () => Date.now() + ahead;
  lockboard.setClock = (text) => {
    const at = Date.parse(text);
    if (at) ahead = at - Date.now();
  };

  // No line end between a number and its unit.
  lockboard.age = (milliseconds) => {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    if (seconds < 60) return `${seconds}\u00a0s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)}\u00a0min`;
    if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}\u00a0h`;
    return `${Math.floor(seconds / 86400)}\u00a0d`;
  };

  function put(node, text) {
    if (node && node.textContent !== text) node.textContent = text;
  }

  function freshness(tile, silence) {
    const every = Number(tile.dataset.pollMs);
    const isMoving = tile.dataset.state === "sending" || tile.dataset.state === "released";
    if (!every || isMoving || silence <= 2 * every) return "";
    return silence <= 5 * every ? "stale" : "unknown";
  }

  function showAge(tile, now) {
    const at = Date.parse(tile.dataset.at) || 0;
    const polled = Date.parse(tile.dataset.seen) || 0;
    const contact = Math.max(at, polled);
    if (!contact) return;
    const isAssumed = tile.dataset.source === "assumed";
    const isConfirmed = polled > at && !isAssumed && tile.dataset.state !== "unknown";
    put(tile.querySelector("[data-ago]"), lockboard.age(now - (isConfirmed ? polled : at)));
    if (isConfirmed) put(tile.querySelector("[data-evidence]"), "poll");
    put(tile.querySelector("[data-contact]"), `${lockboard.age(now - contact)} ago`);
    const fresh = freshness(tile, now - contact);
    if ((tile.dataset.fresh || "") !== fresh) tile.dataset.fresh = fresh;
  }

  function countDown(tile, now) {
    const place = tile.querySelector("[data-released-until]");
    if (!place) return;
    const until = Date.parse(place.dataset.releasedUntil);
    const whole = Math.max(1000, until - (Date.parse(place.dataset.releasedAt) || now));
    const left = Math.max(0, until - now);
    // Where nobody knows when it opened, a number would be a guess: the words name the latest.
    if (!("vague" in place.dataset)) put(place.querySelector("[data-countdown]"), left ? String(Math.ceil(left / 1000)) : "…");
    if (!left) put(place.querySelector("[data-released-word]"), "Relocking…");
    const ring = place.querySelector("[data-ring]");
    ring.style.strokeDashoffset = String(100 - (100 * Math.min(left, whole)) / whole);
  }

  function wait(tile, now) {
    const button = tile.querySelector("[data-wait-seconds]");
    if (!button) return;
    const until = Date.parse(button.dataset.waitFrom) + 1000 * Number(button.dataset.waitSeconds);
    const left = Math.ceil((until - now) / 1000);
    if (left > 0) {
      button.setAttribute("aria-disabled", "true");
      put(button.querySelector("[data-unlock-text]"), `Try again in ${left}\u00a0s`);
    } else {
      button.removeAttribute("aria-disabled");
      put(button.querySelector("[data-unlock-text]"), button.dataset.again ? "Unlock again" : "Unlock");
      delete button.dataset.waitSeconds;
    }
  }

  // "Again" is over with the opening, whether or not the server's word of it has come, or came
  // while the button was armed and stayed as it was.
  function once(tile, now) {
    const button = tile.querySelector("[data-again]:not([data-armed])");
    if (!button || tile.dataset.outcome === "unconfirmed" || button.getAttribute("aria-busy") === "true") return;
    const released = tile.querySelector("[data-released-until]");
    if (released && now < Date.parse(released.dataset.releasedUntil) + 1000) return;
    delete button.dataset.again;
    button.form?.querySelector('[name="again"]')?.remove();
    button.setAttribute("aria-label", `Unlock ${button.dataset.name}`);
    put(button.querySelector("[data-unlock-text]"), "Unlock");
  }

  // A time of another day says which; a battery's value says how old it is.
  function nameDays(tile, now) {
    for (const time of tile.querySelectorAll("[data-old] time")) put(time, `${lockboard.age(now - Date.parse(time.dateTime))} old`);
    for (const time of tile.querySelectorAll("[data-since] time")) {
      const at = new Date(time.dateTime);
      const zone = tile.dataset.zone || undefined;
      const day = (moment) => moment.toLocaleDateString("en-GB", { timeZone: zone });
      const isToday = day(at) === day(new Date(now));
      const clock = at.toLocaleTimeString("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
      const date = at.toLocaleDateString("en-GB", { timeZone: zone, day: "numeric", month: "short" });
      put(time, isToday ? clock : `${date}, ${clock}`);
    }
  }

  lockboard.tick = (tile) => {
    const now = lockboard.now();
    showAge(tile, now);
    countDown(tile, now);
    once(tile, now);
    wait(tile, now);
  };

  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) {
        seen.add(target);
        lockboard.tick(target);
      } else {
        seen.delete(target);
      }
    }
  });

  // Tiles are the same for everybody; whoever pressed reads of themselves.
  function nameMe(tile) {
    const place = tile.querySelector("[data-actor]");
    if (place && place.dataset.actor === board?.dataset.me) put(place, place.dataset.mine);
  }

  lockboard.watch = (tile) => {
    nameMe(tile);
    nameDays(tile, lockboard.now());
    lockboard.tick(tile);
    watcher.observe(tile);
  };

  setInterval(() => {
    for (const tile of seen) {
      if (tile.isConnected) lockboard.tick(tile);
      else seen.delete(tile);
    }
  }, 1000);
})();
