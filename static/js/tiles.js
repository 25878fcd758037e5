// Puts the server's newest tile in the place of the old one, and loses neither focus nor a
// button that somebody has just armed.
"use strict";

(() => {
  const lockboard = window.lockboard;
  // When each account was last polled, as far as this page has heard.
  const polls = new Map();

  lockboard.tile = (id) => document.getElementById(`door-${id}`);

  lockboard.parse = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return holder.content.querySelector(".tile");
  };

  function isOlder(fresh, old) {
    return Number(fresh.dataset.revision) < Number(old.dataset.revision);
  }

  function takeAttributes(old, fresh) {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  }

  // Buttons that differ only in their key are the same buttons.
  function isSame(old, fresh) {
    const shape = (node) => node.outerHTML.replace(/ data-key="[^"]*"/g, "");
    return shape(old) === shape(fresh);
  }

  function canStayArmed(old, fresh) {
    return old.querySelector("[data-armed]") && fresh.querySelector("[data-unlock]:not([aria-disabled])");
  }

  function swapParts(old, fresh) {
    const oldActions = old.querySelector(".tile-actions");
    const freshActions = fresh.querySelector(".tile-actions");
    const keep = oldActions && freshActions && (canStayArmed(old, fresh) || isSame(oldActions, freshActions));
    if (!keep) {
      old.replaceChildren(...fresh.childNodes);
      return;
    }
    for (const child of [...old.childNodes]) if (child !== oldActions) child.remove();
    freshActions.remove();
    oldActions.before(...fresh.childNodes);
  }

  // The same control again; else the one people would look for next.
  function focusAgain(tile, control) {
    const next = tile.querySelector(`[data-control="${control}"]`) || tile.querySelector('[data-control="unlock"]') || tile.querySelector("a");
    next?.focus({ preventScroll: true });
  }

  // Return the tile's place in the document, or null where this door is not on the page.
  lockboard.swap = (fresh, { isAnswer = false } = {}) => {
    const old = fresh && lockboard.tile(fresh.dataset.door);
    if (!old) return null;
    // An answer to somebody's own press carries words that no broadcast has.
    if (isOlder(fresh, old) || (!isAnswer && fresh.dataset.revision === old.dataset.revision)) return old;
    if (Date.parse(old.dataset.seen) > (Date.parse(fresh.dataset.seen) || 0) && fresh.dataset.seen && !("unheard" in fresh.dataset)) {
      fresh.dataset.seen = old.dataset.seen;
    }
    const held = old.contains(document.activeElement) ? document.activeElement : null;
    const control = held?.dataset.control;
    if (old.querySelector("[data-armed]") && !canStayArmed(old, fresh)) lockboard.disarm?.();
    const before = { problem: old.dataset.problem, name: old.dataset.name, problems: old.dataset.problems };
    swapParts(old, fresh);
    takeAttributes(old, fresh);
    old.removeAttribute("aria-busy");
    if (held && !held.isConnected && control) focusAgain(old, control);
    lockboard.watch(old);
    document.dispatchEvent(new CustomEvent("lockboard:tile", { detail: { tile: old, before } }));
    return old;
  };

  lockboard.allTiles = () => document.querySelectorAll(".tile[data-door]");

  // A poll that succeeded saw every door of its account that is not marked missing or in doubt.
  lockboard.confirmAccount = (account, at) => {
    const moment = Date.parse(at);
    if (!moment) return;
    if (!(Date.parse(polls.get(account)) > moment)) polls.set(account, at);
    for (const tile of document.querySelectorAll(`.tile[data-account="${CSS.escape(account)}"]`)) {
      if (tile.dataset.problems.includes("missing") || "unheard" in tile.dataset) continue;
      if (!(Date.parse(tile.dataset.seen) >= moment)) tile.dataset.seen = at;
    }
  };

  function begin() {
    for (const [account, at] of polls) lockboard.confirmAccount(account, at);
    for (const tile of lockboard.allTiles()) lockboard.watch(tile);
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "doors") return;
    begin();
    document.dispatchEvent(new CustomEvent("lockboard:doors"));
  });
  const polled = document.getElementById("polled");
  for (const [account, at] of Object.entries(polled ? JSON.parse(polled.textContent) : {})) polls.set(account, at);
  begin();
})();
