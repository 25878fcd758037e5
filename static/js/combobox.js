// Text fields that offer what fits: letters find, arrows choose, Enter takes, Esc closes.
// What was chosen is told by `lockboard:chosen` at the field, with the data of the option.
"use strict";

for (const field of document.querySelectorAll("[data-combobox]")) {
  const WAIT_MS = 150;
  const list = document.getElementById(field.getAttribute("aria-controls"));
  const isEager = "picksFirst" in field.dataset;
  let timer = 0;
  let asking = null; // one question at a time
  let isEntered = false; // Enter came before the answer

  const options = () => [...list.querySelectorAll("[role=option]:not([aria-disabled])")];
  const active = () => list.querySelector("[aria-selected=true]");

  function mark(option) {
    active()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
  }

  function close() {
    clearTimeout(timer);
    timer = 0;
    asking?.abort();
    asking = null;
    isEntered = false;
    list.hidden = true;
    list.replaceChildren();
    field.setAttribute("aria-expanded", "false");
    mark(null);
  }

  function take(option) {
    const told = { ...option.dataset };
    close();
    field.dispatchEvent(new CustomEvent("lockboard:chosen", { bubbles: true, detail: told }));
  }

  function show(html) {
    const wasEntered = isEntered;
    isEntered = false;
    list.innerHTML = html;
    const count = options().length;
    list.hidden = !list.children.length;
    field.setAttribute("aria-expanded", String(!list.hidden));
    mark(isEager ? options()[0] : null);
    if (wasEntered && isEager && count) take(options()[0]);
    else if (count || isEager) window.lockboard.say(count ? `${count} found. ${isEager ? options()[0].dataset.name : ""}` : "Nothing fits.");
  }

  async function look() {
    asking?.abort();
    const mine = (asking = new AbortController());
    const query = new URLSearchParams({ q: field.value });
    const other = field.dataset.comboboxWith && document.querySelector(field.dataset.comboboxWith);
    if (other) query.set(other.name, other.value);
    if (field.form && !field.form.querySelector("[name=targets]")) query.set("alone", "");
    try {
      const answer = await fetch(`${field.dataset.combobox}?${query}`, { signal: mine.signal, headers: { "X-Requested-With": "XMLHttpRequest" } });
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      const html = await answer.text();
      if (asking === mine) show(html);
    } catch (error) {
      if (error.name !== "AbortError") close();
    } finally {
      if (asking === mine) asking = null;
    }
  }

  function ask(wait) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = 0;
      look();
    }, wait);
  }

  function step(by) {
    const all = options();
    if (!all.length) return ask(0);
    const at = all.indexOf(active());
    mark(all[at < 0 && by < 0 ? all.length - 1 : (at + by + all.length) % all.length]);
  }

  function enter(event) {
    event.preventDefault();
    const option = active();
    if (option && !timer && !asking) return take(option);
    if (isEager && field.value.trim()) {
      isEntered = true;
      ask(0);
    } else field.dispatchEvent(new CustomEvent("lockboard:entered", { bubbles: true }));
  }

  field.addEventListener("input", () => {
    if (field.value.trim()) ask(WAIT_MS);
    else close();
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") enter(event);
    else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  field.addEventListener("blur", () => setTimeout(close, 150)); // a press on an option comes first
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]:not([aria-disabled])");
    if (option) take(option);
  });
}
