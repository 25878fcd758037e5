// Keeps the counts above the doors true while tiles change. Only where all doors are shown.
"use strict";

(() => {
  let isDue = false;

  function count() {
    isDue = false;
    const board = document.querySelector("[data-board]");
    const doors = document.getElementById("doors");
    const list = document.querySelector("[data-pills]");
    if (!list || doors.dataset.query || doors.dataset.show) return;
    const found = new Map();
    let problems = 0;
    const tiles = window.lockboard.allTiles();
    for (const tile of tiles) {
      if (tile.dataset.problem === "1") problems += 1;
      for (const key of tile.dataset.problems.split(" ").filter(Boolean)) {
        found.set(key, (found.get(key) || 0) + 1);
      }
    }
    for (const [key, number] of found) show(list, key, number);
    for (const pill of list.querySelectorAll("[data-pill]")) {
      pill.closest("li").hidden = !found.has(pill.dataset.pill);
    }
    const calm = list.querySelector("[data-calm]");
    if (calm) {
      calm.hidden = problems > 0 || Boolean(board.querySelector("#banners .notice"));
      const text = tiles.length === 1 ? "The one door is fine" : `All ${tiles.length} doors fine`;
      calm.querySelector("[data-calm-text]").textContent = text;
    }
  }

  function show(list, key, number) {
    const pill = list.querySelector(`[data-pill="${CSS.escape(key)}"]`) || add(list, key);
    const place = pill?.querySelector("[data-count]");
    if (place && place.textContent !== String(number)) place.textContent = String(number);
  }

  function add(list, key) {
    const line = document.querySelector(`[data-problem-key="${CSS.escape(key)}"]`);
    if (!line) return null;
    const pill = document.createElement("a");
    pill.className = `pill is-${line.dataset.tone}`;
    pill.dataset.pill = key;
    const address = new URL(location.href);
    address.searchParams.set("show", key);
    pill.href = address.pathname + address.search;
    const number = document.createElement("span");
    number.className = "number";
    number.dataset.count = "";
    pill.append(number, ` ${line.dataset.label}`);
    const item = document.createElement("li");
    item.append(pill);
    list.append(item);
    return pill;
  }

  function soon() {
    if (isDue) return;
    isDue = true;
    setTimeout(count, 250);
  }

  document.addEventListener("lockboard:tile", (event) => {
    if (event.detail.before.problems !== event.detail.tile.dataset.problems) soon();
  });
  document.addEventListener("lockboard:banners", soon);
  document.addEventListener("lockboard:gone", soon);
})();
