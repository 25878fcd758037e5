// The station by keyboard: letters find somebody, arrows choose, Enter acts, Esc goes back.
"use strict";

(() => {
  if (!document.querySelector("[data-station]")) return;
  const GUARD_MS = 400;
  let changedAt = 0;

  const searchBox = () => document.getElementById("person-search");
  const isTyping = (node) => node.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  const people = () => [...document.querySelectorAll("#people a[id]")];

  function move(links, step, from) {
    if (!links.length) return false;
    const at = links.indexOf(from);
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
    if (next < 0 || next >= links.length) return false;
    links[next].focus();
    return true;
  }

  function arrow(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return false;
    const isSideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
    const node = event.target;
    const search = searchBox();
    if (node === search) return !isSideways && step > 0 && move(people(), 1, null);
    if (node.closest("#people") && !isSideways) {
      const row = node.matches("a") ? node : node.parentElement.querySelector("a");
      if (move(people(), step, row)) return true;
      if (step < 0) search.focus();
      return true;
    }
    const group = node.closest("[data-arrows]:not(#people)");
    return Boolean(group) && move([...group.querySelectorAll("button, a")], step, node);
  }

  function escape(event) {
    const search = searchBox();
    if (event.target === search) {
      if (!search.value) return false;
      search.value = "";
      search.dispatchEvent(new Event("input", { bubbles: true }));
      return true;
    }
    if (document.querySelector("details[data-menu][open]")) return false;
    const cancel = document.querySelector("#desk [data-cancel]");
    if (cancel) cancel.click();
    else search.focus();
    return true;
  }

  function find(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.documentElement.dataset.keys === "off") return false;
    // The page says that "/" leads here: whoever is here already means no letter by it.
    if (event.key === "/" && event.target === searchBox() && !searchBox().value) return true;
    if (isTyping(event.target) || event.key.length !== 1 || event.key === " ") return false;
    searchBox().focus();
    searchBox().select();
    return event.key === "/"; // any other key is the first letter
  }

  // Enter in the search takes the first of the list; without letters, the first who arrives.
  // Pressed before the list is there, it is kept until it is.
  function takeFirst(search) {
    const people = document.getElementById("people");
    const query = search.value.trim();
    if ((people.dataset.for ?? "") !== query) {
      search.form.dataset.enter = "";
      return;
    }
    delete search.form.dataset.enter;
    people.querySelector(query ? "a[id]" : "a[id^='arrival-']")?.click();
  }

  function enter(event) {
    if (event.target === searchBox()) {
      takeFirst(event.target);
      return true;
    }
    // A key held down, or the end of a double press, is not a decision.
    if (event.target.closest("#desk")) return event.repeat || Date.now() - changedAt < GUARD_MS;
    if (event.target === document.body) document.querySelector("#desk .is-main")?.focus();
    return false;
  }

  const KEYS = { Enter: enter, Escape: escape };

  document.addEventListener("keydown", (event) => {
    const act = KEYS[event.key] ?? ((pressed) => arrow(pressed) || find(pressed));
    if (act(event)) event.preventDefault();
  });

  document.addEventListener("htmx:afterSettle", () => {
    const search = searchBox();
    if (search && "enter" in search.form.dataset) takeFirst(search);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== "desk") return;
    // Where nothing runs the buttons stay what they were: a press that meets news still counts.
    const isNews = Boolean(event.detail.requestConfig?.headers["HX-Automatic"]);
    if (!isNews || document.getElementById("desk").dataset.kind === "job") changedAt = Date.now();
  });
})();
