// Keeps parts of a page true: they are asked for again when the server says that they changed,
// and now and then in case it could not say so. A part is [data-live-part]; the place that asks
// for it is [data-live="topic …"], with [data-live-of] where it is about one thing only.
"use strict";

(() => {
  const lockboard = window.lockboard;
  const last = new Map();
  let kept = null;
  let isWanted = false;

  const places = () => [...document.querySelectorAll("[data-live]")];
  const topicsOf = (place) => place.dataset.live.split(" ");
  // Forms carry a token that differs each time and means nothing to people.
  const plain = (html) => html.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "");
  const rows = (root) => [...root.querySelectorAll("[data-row]")].map((row) => row.dataset.row).join();
  // Digits on show, or on their way, are not taken away by news; they go by themselves.
  const SECRET = "[data-digits-shown], form[data-digits] [aria-busy='true']";
  const isInUse = (part) => part.matches(":hover") || part.contains(document.activeElement);

  function refresh(topic, id) {
    for (const place of places()) {
      const its = place.dataset.liveOf;
      if (topicsOf(place).includes(topic) && (!id || !its || its === id)) window.htmx.trigger(place, "news");
    }
  }

  document.addEventListener("lockboard:codes", (event) => refresh("codes", event.detail));

  // Rows that come and go would move what somebody points at: they wait for a press.
  function holdsBack(target, html, config) {
    const button = document.querySelector("[data-live-held]");
    if (!button) return false;
    const isNews = Boolean(config?.headers["HX-Automatic"]) && !isWanted;
    const before = rows(target);
    const after = rows(new DOMParser().parseFromString(html, "text/html"));
    button.hidden = !(isNews && before !== after && isInUse(target));
    isWanted = false;
    return !button.hidden;
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-live-held]")) return;
    isWanted = true;
    last.clear();
    for (const place of places()) window.htmx.trigger(place, "news");
  });

  // Somebody took it away meanwhile: what stands here is how it was, and nobody asks any more.
  document.addEventListener("htmx:responseError", (event) => {
    const { elt, target, xhr } = event.detail;
    if (xhr.status !== 404 || !elt.matches("[data-live]")) return;
    elt.remove();
    const notice = document.createElement("p");
    notice.className = "notice is-warn";
    notice.textContent = "This is no longer here. What you see is how it was.";
    target.prepend(notice);
    lockboard.say(notice.textContent);
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, isError, requestConfig } = event.detail;
    if (isError || !target?.matches("[data-live-part]")) return;
    const html = plain(xhr.responseText);
    const isSame = last.get(target.id) === html;
    last.set(target.id, html);
    if (isSame || target.querySelector(SECRET) || holdsBack(target, xhr.responseText, requestConfig)) {
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
  const topics = new Set(places().flatMap(topicsOf));
  if (document.querySelector("[data-board]") || !topics.size) return;
  let wasOpen = false;
  const source = new EventSource("/stream");
  for (const topic of topics) source.addEventListener(topic, (event) => refresh(topic, event.data.trim()));
  source.addEventListener("open", () => {
    if (wasOpen) for (const topic of topics) refresh(topic, "");
    wasOpen = true;
  });
  source.addEventListener("bye", (event) => {
    if (event.data === "signed_out" || event.data === "forbidden") source.close();
  });
})();
