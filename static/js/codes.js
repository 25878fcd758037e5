// Keeps lists of codes true: they are asked for again when the server says that they changed,
// and now and then in case it could not say so.
"use strict";

(() => {
  const lockboard = window.lockboard;
  const last = new Map();
  let kept = null;

  const isOurs = (node) => ["codes-list", "code-live", "door-codes"].includes(node?.id);
  // Forms carry a token that differs each time and means nothing to people.
  const plain = (html) => html.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");

  function refresh(door) {
    for (const place of document.querySelectorAll("[data-codes-live]")) {
      const its = place.dataset.codesLive;
      if (!door || !its || its === door) window.htmx.trigger(place, "codes");
    }
  }

  document.addEventListener("lockboard:codes", (event) => refresh(event.detail));

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, isError } = event.detail;
    if (isError || !isOurs(target)) return;
    const html = plain(xhr.responseText);
    const isSame = last.get(target.id) === html;
    last.set(target.id, html);
    // Digits on show are not taken away by news; they go by themselves.
    if (isSame || target.querySelector("[data-digits-shown]")) {
      event.detail.shouldSwap = false;
      if (!isSame) last.delete(target.id);
      return;
    }
    const state = target.querySelector("[data-state]")?.textContent.trim();
    const ids = (query) => [...target.querySelectorAll(query)].map((node) => node.id).filter(Boolean);
    kept = { id: target.id, state, checked: ids("input:checked"), open: ids("details[open]") };
  });

  document.addEventListener("htmx:afterSwap", () => {
    if (!kept) return;
    const { id, state, checked, open } = kept;
    kept = null;
    for (const each of checked) {
      const box = document.getElementById(each);
      if (box) box.checked = true;
    }
    for (const each of open) {
      const more = document.getElementById(each);
      if (more) more.open = true;
    }
    const now = document.querySelector(`#${id} [data-state]`)?.textContent.trim();
    if (state && now && state !== now) lockboard.say(now);
  });

  // A page with a board hears the stream already.
  if (document.querySelector("[data-board]") || !document.querySelector("[data-codes-live]")) return;
  let wasOpen = false;
  const source = new EventSource("/stream");
  source.addEventListener("codes", (event) => refresh(event.data.trim()));
  source.addEventListener("open", () => {
    if (wasOpen) refresh("");
    wasOpen = true;
  });
  source.addEventListener("bye", (event) => {
    if (event.data === "signed_out" || event.data === "forbidden") source.close();
  });
})();
