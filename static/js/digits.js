// Shows or copies the digits of a code, each time asked for anew. Shown ones go after 20 s.
"use strict";

(() => {
  const lockboard = window.lockboard;
  // What hides the digits again, by the place that shows them.
  const hides = new Map();

  // What is shown: the digits of a code, or the link to a mobile key.
  const nounOf = (form) => form.dataset.noun || "digits";
  const upper = (text) => text[0].toUpperCase() + text.slice(1);

  async function fetchDigits(form) {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { "X-Requested-With": "XMLHttpRequest" },
      redirect: "manual",
    });
    const noun = nounOf(form);
    if (!answer.ok) throw new Error(answer.status === 403 ? `You may not see the ${noun}.` : `The ${noun} could not be fetched.`);
    const told = await answer.json();
    if (told.problem) throw new Error(told.problem);
    return told;
  }

  function label(button, text) {
    const before = button.dataset.label || button.lastChild.textContent;
    button.dataset.label = before;
    const word = [...button.childNodes].find((node) => node.nodeType === Node.TEXT_NODE);
    if (word) word.textContent = text;
  }

  function show(place, { digits, seconds }, noun) {
    hides.get(place)?.();
    const dots = [...place.childNodes];
    const shown = document.createElement("output");
    shown.dataset.digitsShown = "";
    shown.textContent = digits;
    place.replaceChildren(shown);
    const timer = setTimeout(() => {
      hides.get(place)();
      lockboard.say(`${upper(noun)} hidden again.`);
    }, seconds * 1000);
    hides.set(place, () => {
      clearTimeout(timer);
      place.replaceChildren(...dots);
      hides.delete(place);
    });
  }

  async function copy(button, { digits }, noun) {
    try {
      await navigator.clipboard.writeText(digits);
      lockboard.say(`${upper(noun)} copied.`);
      label(button, "Copied");
      setTimeout(() => label(button, "Copy"), 2000);
    } catch {
      lockboard.say(`This browser does not let pages copy. Reveal the ${noun} instead.`, { urgent: true });
      label(button, "Cannot copy");
    }
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-digits]");
    if (!form) return;
    event.preventDefault();
    const button = form.querySelector("button");
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      const told = await fetchDigits(form);
      const place = form.closest("section, li").querySelector("[data-digits-place]");
      if (form.dataset.digits === "copy") await copy(button, told, nounOf(form));
      else if (place) show(place, told, nounOf(form));
    } catch (error) {
      lockboard.say(error.message, { urgent: true });
      label(button, error.message);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });

  addEventListener("pagehide", () => hides.forEach((hide) => hide()));
})();
