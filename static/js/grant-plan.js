// Asks for the plan as the form is filled in, and saves nothing that was not shown.
"use strict";

(() => {
  const form = document.querySelector("[data-grant-form]");
  if (!form) return;
  const TYPING_MS = 400;
  let timer = 0;
  let isBehind = false; // something was changed since the plan was asked for
  let isHeard = false; // htmx listens only once the page is read
  let held = null; // the button that waits for the plan
  let said = "";

  const plan = () => document.getElementById("grant-plan");

  function ask() {
    clearTimeout(timer);
    timer = 0;
    isBehind = true;
    showLook(false);
    plan().setAttribute("aria-busy", "true");
    if (isHeard) window.htmx.trigger(form, "plan");
  }

  document.addEventListener("DOMContentLoaded", () => {
    isHeard = true;
    if (isBehind) ask();
  });

  form.addEventListener("lockboard:changed", ask);
  form.addEventListener("change", (event) => {
    if (!event.target.closest("[data-combobox]")?.matches("[type=search]")) ask();
  });
  form.addEventListener("input", (event) => {
    if (event.target.id !== "id_digits") return;
    isBehind = true;
    clearTimeout(timer);
    timer = setTimeout(ask, TYPING_MS);
  });

  // --- the answer -----------------------------------------------------------------------

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt !== form) return;
    isBehind = false;
  });

  function markFields() {
    for (const slot of form.querySelectorAll(".grant-problem")) {
      const field = document.getElementById(slot.id.replace(/_problem$/, ""));
      if (!field?.matches("input, select")) continue;
      if (slot.children.length && slot.closest("details")) slot.closest("details").open = true;
      if (slot.children.length) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
    for (const why of form.querySelectorAll("[data-why]")) {
      const box = document.getElementById(why.id.replace("why-", "way-"));
      if (box) box.disabled = Boolean(why.textContent.trim()) && !box.checked;
    }
  }

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.requestConfig?.elt !== form || event.detail.target?.id !== "grant-plan") return;
    markFields();
    const text = plan().dataset.say;
    if (text && text !== said && !held) window.lockboard.say(text);
    said = text;
    if (held && !isBehind) release();
  });

  // --- saving ---------------------------------------------------------------------------

  function showLook(isShown) {
    form.querySelector("[data-look]").hidden = !isShown;
  }

  function release() {
    const button = held;
    held = null;
    button.removeAttribute("aria-busy");
    // What cannot be saved at all, the server says best: beside the fields.
    const isForServer = "isPlain" in plan().dataset || !plan().querySelector("[name=outline]");
    if (isForServer) return form.requestSubmit(button);
    showLook(true);
    window.lockboard.say(`Not saved yet. ${plan().dataset.say} Look at the plan, then press again.`, { urgent: true });
  }

  // Pressed before the plan was there, it waits for it. Where all is as asked it is saved then;
  // else somebody has to look first.
  form.addEventListener("submit", (event) => {
    if (!event.submitter?.matches("[data-save]")) return;
    if (held) {
      event.preventDefault();
      return;
    }
    if (!isBehind && !plan().hasAttribute("aria-busy")) return;
    event.preventDefault();
    held = event.submitter;
    held.setAttribute("aria-busy", "true");
    if (isBehind) ask();
  });

  function fail({ detail }) {
    if (detail.elt !== form) return;
    const { status, responseText } = detail.xhr ?? {};
    const why = status === 409 ? responseText : "The plan could not be fetched.";
    plan().removeAttribute("aria-busy");
    plan().querySelector(".grant-summary").textContent = why;
    window.lockboard.say(why);
    if (!held) return;
    const button = held;
    held = null;
    isBehind = false;
    button.removeAttribute("aria-busy");
    form.requestSubmit(button); // the server shows what it has not shown yet
  }

  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(name, fail);

  // --- keys -----------------------------------------------------------------------------

  // Enter in a field saves nothing by itself. In an empty search for rooms it goes on to the
  // button that does.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input:not([type=checkbox], [type=radio])")) return;
    event.preventDefault();
    if (!event.target.matches("[data-combobox]")) event.target.dispatchEvent(new Event("change", { bubbles: true }));
  });
  form.addEventListener("lockboard:entered", (event) => {
    if (event.target.id === "id_doors") form.querySelector("[data-save]").focus();
    else document.getElementById("id_email").focus();
  });

  // What was just refused stays beside its field until something is changed.
  const isRefused = form.querySelector(".error-summary");
  if (!isRefused && !plan().querySelector("[name=outline]") && form.querySelector("[name=targets]")) ask();
})();
