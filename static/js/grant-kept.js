// Keeps a half-filled form over a refresh: in this tab, for this address and this person, until
// it is sent or given up. Digits are not kept, nor what the server makes for each form.
"use strict";

(() => {
  const form = document.querySelector("[data-kept-for]");
  if (!form) return;
  try {
    sessionStorage.removeItem("");
  } catch {
    return; // a browser that keeps nothing
  }
  const NOT_KEPT = ["csrfmiddlewaretoken", "digits", "key", "outline", "where_q", "targets"];
  const place = `lockboard:kept:${location.pathname}${location.search}`;
  const notice = form.querySelector("[data-kept]");
  const text = (root, selector) => root.querySelector(selector).textContent;

  // --- the form as it stands ------------------------------------------------------------

  const chipOf = (row) => ({
    key: row.querySelector("[name=targets]").value,
    name: text(row, "[data-name]"),
    note: text(row, "[data-note]"),
  });

  function asItStands() {
    return JSON.stringify({
      of: form.dataset.keptFor,
      given: [...new FormData(form)].filter(([name]) => !NOT_KEPT.includes(name)),
      usual: form.dataset.usual,
      known: { name: text(form, "[data-known-name]"), note: text(form, "[data-known-note]") },
      chips: [...form.querySelectorAll("[data-chip]")].map(chipOf),
    });
  }

  // --- putting it back ------------------------------------------------------------------

  function putBack({ given, usual, known, chips }) {
    const values = (name) => given.filter(([each]) => each === name).map(([, value]) => value);
    for (const mode of values("order")) form.querySelector("[data-ways]").append(form.querySelector(`[data-way="${mode}"]`));
    for (const field of form.querySelectorAll("input[name], select[name]")) {
      const { name, value } = field;
      if (NOT_KEPT.includes(name) || name === "order") continue;
      if (field.matches("[type=checkbox], [type=radio]")) field.checked = values(name).includes(value);
      else if (values(name).length) [field.value] = values(name);
      if (field.closest("details") && (field.checked || (field.value && field.type !== "checkbox"))) field.closest("details").open = true;
    }
    // "Tonight" of an hour ago began then: usual times are those of now.
    const button = values("has_no_end").length ? null : form.querySelector(`[data-starts][value="${usual}"]`);
    const detail = { chips, person: { personId: values("person")[0], ...known }, times: button && { starts: button.dataset.starts, ends: button.dataset.ends } };
    form.dispatchEvent(new CustomEvent("lockboard:put-back", { detail }));
  }

  // --- while somebody fills in ----------------------------------------------------------

  // A page that the server answered a press with has what was typed already.
  const isFresh = "isFresh" in form.dataset;
  const fresh = isFresh ? asItStands() : "";
  let isGivenUp = false;

  function keep() {
    const now = asItStands();
    if (isGivenUp || now === fresh) sessionStorage.removeItem(place);
    else sessionStorage.setItem(place, now);
  }

  function giveUp() {
    isGivenUp = true;
    keep();
  }

  function kept() {
    try {
      const found = JSON.parse(sessionStorage.getItem(place));
      return found.of === form.dataset.keptFor ? found : null;
    } catch {
      return null;
    }
  }

  for (const name of ["input", "change", "lockboard:changed"]) form.addEventListener(name, keep);
  form.addEventListener("submit", (event) => {
    if (!event.defaultPrevented && event.submitter?.matches("[data-save]")) giveUp();
  });
  form.querySelector("[data-give-up]").addEventListener("click", giveUp);
  notice.querySelector("button").addEventListener("click", () => {
    giveUp();
    location.reload();
  });
  addEventListener("pageshow", () => {
    isGivenUp = false;
  });

  const found = isFresh ? kept() : null;
  if (found) {
    putBack(found);
    notice.hidden = false;
    window.lockboard.say(text(notice, "p"));
  } else keep();
})();
