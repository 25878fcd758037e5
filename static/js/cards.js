// The encoding station: follows its job, counts seconds, keeps the focus, says things once.
"use strict";

(() => {
  const lockboard = window.lockboard;
  if (!document.querySelector("[data-station]")) return;
  const POLL_MS = 1000; // while something moves and the stream is not there
  const SLOW_POLL_MS = 3000; // while it is: hints may be lost
  const PEOPLE_MS = 200; // several changes of a moment are one look at the list
  const IDLE_POLL_MS = 15_000; // encoders and bridges change while nobody does anything
  const READ_MS = 10_000; // what stands in the way is left on show for so long
  const LATE_SECONDS = 10;
  const said = new Set();
  let ahead = 0; // how far the server's clock is before this browser's
  let isStreaming = false;
  let wantsFocus = false;
  let askedAt = Date.now();

  const desk = () => document.getElementById("desk");
  const notice = () => document.querySelector("[data-station-lost]");
  const now = () => Date.now() + ahead;

  // --- what the desk says ---------------------------------------------------------------

  function sayOnce(key, text) {
    if (!text || said.has(key)) return;
    said.add(key);
    lockboard.say(text);
  }

  function secondsLeft(place) {
    return place.dataset.until ? Math.max(0, (Date.parse(place.dataset.until) - now()) / 1000) : null;
  }

  function countCard(place) {
    const left = secondsLeft(place);
    const wait = place.querySelector("[data-wait]");
    if (left === null || !wait) return;
    const whole = Math.max(1, (Date.parse(place.dataset.until) - Date.parse(place.dataset.from)) / 1000);
    const shown = String(Math.ceil(left));
    const number = wait.querySelector("[data-number]");
    if (number.textContent !== shown) number.textContent = shown;
    wait.querySelector("[data-ring]").style.strokeDashoffset = String(100 - (100 * Math.min(left, whole)) / whole);
    wait.classList.toggle("is-late", left <= LATE_SECONDS);
    if (left > 0 && left <= LATE_SECONDS) sayOnce(`${place.dataset.job}:late`, `${LATE_SECONDS} seconds left`);
  }

  // "Try again" waits where the encoder needs time; nothing is sent by itself.
  function countAgain(place) {
    const button = place.querySelector("[data-again]");
    if (!button || !place.dataset.againAt) return;
    const left = Math.ceil((Date.parse(place.dataset.againAt) - now()) / 1000);
    const text = left > 0 ? ` in ${left}\u00a0s` : "";
    const note = button.querySelector("[data-again-left]");
    if (note.textContent !== text) note.textContent = text;
    if (left > 0) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }

  function tick() {
    const place = desk();
    countCard(place);
    countAgain(place);
  }

  // --- after each change ----------------------------------------------------------------

  function markCurrent(place) {
    const user = new URLSearchParams(location.search).get("user");
    for (const link of document.querySelectorAll("#people a[id]")) {
      const isShown = user && place.dataset.kind !== "job" && link.id.endsWith(user);
      if (isShown) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  // Where one goes on: the encoder where none is chosen, the right button, or the search.
  function focusOn(place) {
    if (place.dataset.kind === "empty") {
      // On a phone this would open the keyboard, unasked.
      if (matchMedia("(pointer: fine)").matches) document.getElementById("person-search").focus();
      return;
    }
    const first = place.querySelector("[data-encoders]:not(:has(:checked)) input") ?? place.querySelector("[data-focus]");
    (first ?? place).focus({ preventScroll: true });
  }

  function saySettled() {
    const news = document.querySelector("#people [data-settled]");
    if (news) sayOnce(`settled:${news.dataset.settled}`, news.dataset.speak);
  }

  function settle({ isNew = true } = {}) {
    const place = desk();
    ahead = Date.parse(place.dataset.now) - Date.now();
    if (wantsFocus) {
      focusOn(place);
      // Beside each other both are in sight; below each other the desk is what was asked for.
      if (isNew && matchMedia("(width < 60rem)").matches) place.scrollIntoView({ block: "start" });
    }
    wantsFocus = false;
    sayOnce(`${place.dataset.job}:${place.dataset.stage}`, place.dataset.speak);
    const problem = place.querySelector("[data-problem]")?.textContent.trim();
    if (problem) lockboard.say(problem);
    tick();
    markCurrent(place);
  }

  // --- a desk at which nothing runs --------------------------------------------------------

  let isPressed = false;
  let shownAt = Date.now();
  let kept = null;
  document.addEventListener("pointerdown", () => (isPressed = true));
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(() => (isPressed = false)));

  function plain(place) {
    const copy = place.cloneNode(true);
    copy.removeAttribute("data-now");
    copy.querySelectorAll("[data-refresh], [name=key], [name=csrfmiddlewaretoken], [data-problem]").forEach((node) => node.remove());
    copy.querySelectorAll("input").forEach((box) => box.removeAttribute("checked"));
    return copy.innerHTML.replace(/\s+/g, " ");
  }

  // True where an answer that nobody asked for may take the place of what is there. What was
  // chosen stays, and so does the wish's key: whoever presses again wishes nothing new.
  function mayReplace(html) {
    const place = desk();
    const next = new DOMParser().parseFromString(html, "text/html").getElementById("desk");
    if (!next || next.dataset.kind !== place.dataset.kind || isPressed || !notice().hidden) return false;
    const problem = place.querySelector("[data-problem]");
    if (problem ? Date.now() - shownAt < READ_MS : plain(next) === plain(place)) return false;
    const boxes = [...place.querySelectorAll("input")].filter((box) => box.id);
    kept = { key: place.querySelector("[name=key]")?.value, boxes: boxes.map(({ id, checked }) => [id, checked]) };
    return true;
  }

  function putBack() {
    const { key, boxes: were } = kept;
    kept = null;
    for (const [id, checked] of were) {
      const box = document.getElementById(id);
      if (box) box.checked = checked;
    }
    const field = desk().querySelector("[name=key]");
    if (field && key) field.value = key;
  }

  // Whoever types a name is left alone; whoever looks at the desk goes on there.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "desk" || !event.detail.shouldSwap) return;
    const held = document.activeElement;
    const isPoll = event.detail.requestConfig?.headers["HX-Automatic"];
    if (isPoll && desk().dataset.kind !== "job") {
      event.detail.shouldSwap = mayReplace(event.detail.xhr.responseText);
      return;
    }
    shownAt = Date.now();
    wantsFocus = !isPoll || desk().contains(held) || held === document.body;
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "people") {
      markCurrent(desk());
      saySettled();
      return;
    }
    if (!event.detail.requestConfig || event.detail.target?.id !== "desk") return;
    if (kept) putBack();
    settle();
    if (desk().dataset.stage && !("moving" in desk().dataset)) refreshPeople();
  });

  // The list is beside the matter: it may come a moment after what is waited for at the desk.
  let peopleTimer = 0;
  function refreshPeople() {
    clearTimeout(peopleTimer);
    peopleTimer = setTimeout(askForPeople, PEOPLE_MS);
  }

  function askForPeople() {
    if (asking.size || desk().dataset.stage === "preparing") {
      refreshPeople();
      return;
    }
    const search = document.getElementById("person-search");
    if (search.value || boxes().some((box) => box.checked !== box.defaultChecked) || document.getElementById("people").contains(document.activeElement)) return;
    window.htmx.trigger(search.form, "people");
  }

  // --- following the job ----------------------------------------------------------------

  // News that comes while the desk is being asked for may be younger than the answer. The
  // desk is swapped without a settling delay, in which htmx would not hear of any.
  const asking = new Set();
  let isNewsWaiting = false;

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target?.id === "desk") asking.add(event.detail.xhr);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    asking.delete(event.detail.xhr);
    if (!isNewsWaiting || asking.size) return;
    isNewsWaiting = false;
    setTimeout(look);
  });

  function look() {
    if (asking.size) {
      isNewsWaiting = true;
      return;
    }
    const refresh = desk().querySelector("[data-refresh]");
    if (!refresh) return;
    askedAt = Date.now();
    window.htmx.trigger(refresh, "card");
  }

  function refresh() {
    refreshPeople();
    if (desk().dataset.kind !== "job") look();
  }

  function follow() {
    if (!("moving" in desk().dataset)) {
      if (desk().dataset.kind !== "job" && !document.hidden && Date.now() - askedAt >= IDLE_POLL_MS) look();
      return;
    }
    if (Date.now() - askedAt >= (isStreaming ? SLOW_POLL_MS : POLL_MS)) look();
  }

  function lose(text) {
    const lost = notice();
    lost.querySelector("[data-station-lost-text]").textContent = text;
    if (!lost.hidden) return;
    lost.hidden = false;
    lockboard.say(text);
  }

  function regain() {
    if (notice().hidden) return;
    notice().hidden = true;
    lockboard.say("The connection is back.");
  }

  const UNHEARD = "We lost the connection. Press again when it is back: nothing is made twice.";
  const UNSEEN = "We lost the connection; the card may still be written. Leave it where it is: we keep asking.";

  function fail(event) {
    const config = event.detail.requestConfig;
    if (config?.verb === "post") lose(UNHEARD);
    else if ("moving" in desk().dataset) lose(UNSEEN);
    else lose("We lost the connection. What you see may be old.");
  }

  // The job is out of sight, and its card may be written all the same.
  function giveUp() {
    const place = desk();
    for (const name of ["moving", "until", "stage"]) delete place.dataset[name];
    place.querySelector("[data-refresh]")?.remove();
    place.querySelector("[data-wait]")?.remove();
    place.classList.replace("is-place", "is-unknown");
    place.querySelector(".desk-headline").textContent = "Don’t hand this card out";
    const sentence = place.querySelector(".desk-sentence");
    if (sentence) sentence.textContent = "This job can no longer be followed here.";
    lose("Its system was taken away, or you may not see it any more. The card may be written: keep it until it was read.");
  }

  document.addEventListener("htmx:sendError", fail);
  document.addEventListener("htmx:timeout", fail);
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (status >= 500) fail(event);
    else if (status === 403) lose("You may not do that here, or this page is too old. Load it again.");
    else if (status === 404 && "moving" in desk().dataset) giveUp();
    else if (status === 404) lose("That is no longer here. Load the page again.");
    else lose("That was not taken. Load the page again.");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) regain();
  });

  let source = null;
  let wasOpen = false;
  function listen() {
    source = new EventSource("/stream");
    source.addEventListener("open", () => {
      isStreaming = true;
      if (wasOpen || "moving" in desk().dataset) look();
      wasOpen = true;
    });
    source.addEventListener("card", (event) => {
      // While a wish is being posted nobody knows yet which job it becomes.
      if (event.data.trim() === desk().dataset.job || asking.size) look();
      else if (!("moving" in desk().dataset)) refresh();
    });
    source.addEventListener("access", refresh);
    source.addEventListener("error", () => {
      isStreaming = false;
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
    });
    source.addEventListener("bye", (event) => {
      isStreaming = false;
      if (event.data === "signed_out" || event.data === "forbidden") source.close();
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });

  // --- choosing several -----------------------------------------------------------------

  const boxes = () => [...document.querySelectorAll("#people input[type=checkbox]")];

  function countPicked() {
    const bar = document.querySelector("[data-batch-bar]");
    if (!bar) return;
    const picked = boxes().filter((box) => box.checked).length;
    // Nobody ticked any more: the batch that is under way can be let go.
    bar.hidden = picked === 0 && !boxes().some((box) => box.defaultChecked);
    const words = { 0: "Choose nobody", 1: "Make 1 card" };
    bar.querySelector("[data-batch-text]").textContent = words[picked] ?? `Make ${picked} cards, one after another`;
  }

  // A page from the browser's memory shows who was chosen then: look who is now.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const box of boxes()) box.checked = box.defaultChecked;
    countPicked();
    refreshPeople();
    look();
  });

  document.addEventListener("change", (event) => {
    if (event.target.closest("#people")) countPicked();
  });
  document.addEventListener("htmx:afterSettle", countPicked);

  // A button that waits is not pressed; a key that is held down presses nothing twice.
  document.addEventListener(
    "click",
    (event) => {
      if (!event.target.closest("#desk [aria-disabled='true']")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );

  setInterval(tick, 250);
  setInterval(follow, 250);
  countPicked();
  wantsFocus = document.activeElement === document.body;
  settle({ isNew: false });
  listen();
})();
