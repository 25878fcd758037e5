// Problems first, then names; but nothing moves under a pointer or under the focus.
"use strict";

(() => {
  const lockboard = window.lockboard;
  const names = new Intl.Collator("en-GB", { numeric: true, sensitivity: "base" });
  const rank = (a, b) => Number(b.dataset.problem) - Number(a.dataset.problem) || names.compare(a.dataset.name, b.dataset.name);
  const moved = new Set();
  const added = new Set();
  let touchedAt = 0;

  const doors = () => document.getElementById("doors");
  const button = (name) => document.querySelector(`[data-update-${name}]`);

  function isInUse() {
    const place = doors();
    return place.matches(":hover") || place.contains(document.activeElement) || Date.now() - touchedAt < 5000;
  }

  function order(list) {
    [...list.children].sort(rank).forEach((tile, place) => {
      if (list.children[place] !== tile) list.insertBefore(tile, list.children[place] || null);
    });
  }

  function isInPlace(tile) {
    const list = [...tile.parentElement.children];
    const place = list.indexOf(tile);
    return (!place || rank(list[place - 1], tile) <= 0) && (place === list.length - 1 || rank(tile, list[place + 1]) <= 0);
  }

  function show() {
    const forOrder = button("order");
    const forDoors = button("doors");
    if (forOrder) {
      forOrder.hidden = !moved.size;
      forOrder.textContent = `${moved.size} ${moved.size === 1 ? "door" : "doors"} moved – update order`;
    }
    if (forDoors) {
      forDoors.hidden = !added.size;
      forDoors.textContent = `${added.size} new ${added.size === 1 ? "door" : "doors"} – update`;
    }
  }

  function updateOrder() {
    for (const list of new Set([...moved].map((tile) => tile.parentElement))) if (list) order(list);
    moved.clear();
    show();
  }

  document.addEventListener("lockboard:tile", ({ detail: { tile, before } }) => {
    if (!tile.closest("[data-tiles]")) return;
    if (before.problem === tile.dataset.problem && before.name === tile.dataset.name) return;
    if (isInPlace(tile)) moved.delete(tile);
    else moved.add(tile);
    if (moved.size && !isInUse()) updateOrder();
    else show();
  });

  // A door that is not on the page is new, unless the search here hides it.
  lockboard.addDoor = (fresh) => {
    const place = doors();
    if (!place) return;
    const words = (place.dataset.query || "").split(/\s+/).filter(Boolean);
    if (!words.every((word) => fresh.dataset.search.includes(word))) return;
    if (place.dataset.show && !fresh.dataset.problems.split(" ").includes(place.dataset.show)) return;
    added.add(fresh.dataset.door);
    show();
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-update-order]")) {
      updateOrder();
      doors().focus({ preventScroll: true });
      lockboard.say("Order updated.");
    }
    if (event.target.closest("[data-update-doors]")) location.reload();
  });
  document.addEventListener("touchstart", () => (touchedAt = Date.now()), { passive: true });
  document.addEventListener("lockboard:gone", ({ detail }) => {
    moved.delete(detail.tile);
    show();
  });
  document.addEventListener("lockboard:doors", () => {
    moved.clear();
    added.clear();
    show();
  });
})();
