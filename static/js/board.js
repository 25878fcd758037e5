// The live stream: tiles as they change, and the truth about whether they are live.
"use strict";

(() => {
  const lockboard = window.lockboard;
  const board = document.querySelector("[data-board]");
  if (!board) return;
  const SILENCE_MS = 14_400; // with the look each half second below: known within 15 s
  const RETRY_MS = 10_000;
  const indicator = board.querySelector("[data-live-indicator]");
  const lost = board.querySelector("[data-lost]");
  let heardAt = Date.now();
  let triedAt = 0;
  let source = null;
  let isOver = false;
  let banners = null;

  lockboard.isConnected = () => board.dataset.live !== "no";
  lockboard.isLive = () => board.dataset.live === "yes";

  function word(name, text) {
    if (indicator.dataset.liveWord === name) return;
    indicator.dataset.liveWord = name;
    indicator.querySelector("[data-live-text]").textContent = text;
  }

  function goLive(name, text) {
    word(name, text);
    if (board.dataset.live === "yes") return;
    const wasLost = board.dataset.live === "no";
    board.dataset.live = "yes";
    lost.hidden = true;
    for (const button of board.querySelectorAll("[data-off]")) {
      button.removeAttribute("aria-disabled");
      delete button.dataset.off;
    }
    if (!wasLost) return;
    lockboard.hush("urgent");
    lockboard.say("The board is live again.");
  }

  function goDead(title, text, { link = false } = {}) {
    if (board.dataset.live !== "no") lockboard.say(`${title} ${text}`, { urgent: true });
    board.dataset.live = "no";
    word("lost", "Not live");
    lost.querySelector("[data-lost-title]").textContent = title;
    lost.querySelector("[data-lost-text]").textContent = text;
    lost.querySelector("[data-lost-link]").hidden = !link;
    lost.hidden = false;
    lockboard.disarm?.();
    for (const button of board.querySelectorAll("[data-unlock]:not([aria-disabled]), [data-lock]:not([aria-disabled])")) {
      button.setAttribute("aria-disabled", "true");
      button.dataset.off = "";
    }
  }

  function hear() {
    heardAt = Date.now();
    goLive("live", "Live");
  }

  function takeTile(html) {
    const fresh = lockboard.parse(html);
    if (!fresh) return;
    if (!lockboard.swap(fresh)) lockboard.addDoor?.(fresh);
  }

  function takeGone(id) {
    const tile = lockboard.tile(id.trim());
    if (!tile) return;
    const held = tile.contains(document.activeElement);
    tile.remove();
    document.dispatchEvent(new CustomEvent("lockboard:gone", { detail: { tile } }));
    if (held) document.getElementById("main").focus({ preventScroll: true });
  }

  function takeBanners(html) {
    const place = document.getElementById("banners");
    if (!place || html === banners) return;
    banners = html;
    place.innerHTML = html;
    document.dispatchEvent(new CustomEvent("lockboard:banners"));
  }

  function end(why) {
    if (why !== "signed_out" && why !== "forbidden") return; // the browser comes back by itself
    isOver = true;
    source.close();
    if (why === "signed_out") goDead("You are signed out.", "Sign in to see what the doors do now.", { link: true });
    else goDead("You may no longer see this board.", "Ask an admin of your workspace.");
  }

  const takers = {
    tile: takeTile,
    gone: takeGone,
    seen: (data) => {
      const { account, at } = JSON.parse(data);
      lockboard.confirmAccount(account, at);
    },
    banners: takeBanners,
    codes: (id) => document.dispatchEvent(new CustomEvent("lockboard:codes", { detail: id.trim() })),
    pulse: (data) => lockboard.setClock(data),
    bye: end,
  };

  function open() {
    if (isOver) return;
    source?.close();
    triedAt = Date.now();
    source = new EventSource(`${board.dataset.stream}?cursor=${encodeURIComponent(board.dataset.cursor)}`);
    source.addEventListener("open", hear);
    for (const [name, taker] of Object.entries(takers)) {
      source.addEventListener(name, (event) => {
        if (name !== "bye") hear();
        if (event.lastEventId) board.dataset.cursor = event.lastEventId;
        taker(event.data);
      });
    }
    source.addEventListener("error", () => {
      if (isOver) return;
      if (lockboard.isConnected()) word("reconnecting", "Reconnecting…");
      // Closed for good: refused, or the session is over. Look by ourselves, and try again.
      if (source.readyState === EventSource.CLOSED) {
        lockboard.catchUp();
        setTimeout(open, RETRY_MS);
      }
    });
  }

  // Read the page once more and take its tiles: what a board does where streams fail.
  lockboard.catchUp = async () => {
    try {
      const answer = await fetch(location.href, { headers: { "HX-Automatic": "1" }, redirect: "manual", signal: AbortSignal.timeout(10_000) });
      if (answer.type === "opaqueredirect") {
        end("signed_out");
        return;
      }
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const tile of page.querySelectorAll(".tile[data-door]")) {
        if (!lockboard.swap(document.adoptNode(tile))) lockboard.addDoor?.(tile);
      }
      if (source.readyState === EventSource.OPEN) return;
      heardAt = Date.now();
      goLive("polling", "Updated every 10 s");
    } catch {
      // Still away; the banner says so.
    }
  };

  setInterval(() => {
    if (isOver || Date.now() - heardAt < SILENCE_MS) return;
    goDead("No connection to server for 15 s.", "What you see is old. Unlock is off until the connection is back.");
    if (Date.now() - triedAt > SILENCE_MS) open(); // open or opening, but nothing comes
  }, 500);

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && source.readyState === EventSource.CLOSED) open();
  });
  document.addEventListener("keydown", (event) => {
    const box = document.querySelector("[data-search-box]");
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping || !box || document.documentElement.dataset.keys === "off") return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  word("connecting", "Connecting…");
  open();
})();
