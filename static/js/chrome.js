// The frame of every page: menus that close, choices that are kept, messages that go away.
"use strict";

(() => {
  const root = document.documentElement;

  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (menu !== except) menu.open = false;
    }
  }

  function keep(choice, value) {
    if (value) root.dataset[choice] = value;
    else delete root.dataset[choice];
    try {
      if (value) localStorage.setItem(choice, value);
      else localStorage.removeItem(choice);
    } catch {
      // It lasts as long as the page.
    }
  }

  function showChoices() {
    for (const group of document.querySelectorAll("[data-choice]")) {
      const value = root.dataset[group.dataset.choice] || "";
      for (const button of group.querySelectorAll("button")) {
        button.setAttribute("aria-pressed", String(button.value === value));
      }
    }
  }

  document.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details[data-menu]"));
    const option = event.target.closest("[data-choice] button");
    if (option) {
      keep(option.closest("[data-choice]").dataset.choice, option.value);
      showChoices();
    }
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) {
      const list = dismiss.closest("ul");
      dismiss.closest("li").remove();
      if (list && !list.children.length) list.remove();
      document.getElementById("main").focus({ preventScroll: true });
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details[data-menu][open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  showChoices();
  document.querySelector("[data-focus-first]")?.focus();
})();
