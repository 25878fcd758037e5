// The form of a stay: chips and ways in order, usual times, somebody known. Each change asks
// for a new plan (grant-plan.js).
"use strict";

(() => {
  const form = document.querySelector("[data-grant-form]");
  if (!form) return;
  const field = (name) => form.querySelector(`#id_${name}`);
  const changed = () => form.dispatchEvent(new CustomEvent("lockboard:changed"));

  // --- who ------------------------------------------------------------------------------

  function choosePerson({ personId, name, note }) {
    form.querySelector("[data-person]").value = personId;
    form.querySelector("[data-known-name]").textContent = name;
    form.querySelector("[data-known-note]").textContent = note;
    showPerson(true);
    field("doors").focus();
  }

  function showPerson(isKnown) {
    form.querySelector("[data-who-known]").hidden = !isKnown;
    form.querySelector("[data-who-typed]").hidden = isKnown;
  }

  function forgetPerson() {
    form.querySelector("[data-person]").value = "";
    showPerson(false);
    field("full_name").focus();
    field("full_name").select();
  }

  // --- where ----------------------------------------------------------------------------

  function addPlace({ key, name, note, place }) {
    if (field("place").value !== place && !form.querySelector("[name=targets]")) field("place").value = place;
    field("doors").value = "";
    if ([...form.querySelectorAll("[name=targets]")].some((each) => each.value === key)) {
      window.lockboard.say(`${name} is chosen already.`);
      return;
    }
    putChip({ key, name, note });
    window.lockboard.say(`${name} added, ${note}.`);
  }

  function putChip({ key, name, note }) {
    const kind = key.startsWith("space:") ? "chip-of-space" : "chip-of-door";
    const chip = document.getElementById(kind).content.firstElementChild.cloneNode(true);
    chip.querySelector("[name=targets]").value = key;
    chip.querySelector("[data-name]").textContent = name;
    chip.querySelector("[data-note]").textContent = note;
    for (const button of chip.querySelectorAll("button")) {
      button.value += key;
      button.setAttribute("aria-label", button.getAttribute("aria-label") + name);
    }
    form.querySelector("[data-chips]").append(chip);
  }

  // --- order ----------------------------------------------------------------------------

  function moveRow(button, by) {
    const row = button.closest("li");
    const other = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (by < 0) other.before(row);
    else other.after(row);
    button.focus();
    const place = [...row.parentElement.children].indexOf(row) + 1;
    window.lockboard.say(`Now number ${place}.`);
  }

  function drop(button) {
    const row = button.closest("li");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("[data-drop]") ?? field("doors")).focus();
  }

  // --- when -----------------------------------------------------------------------------

  function setTimes(values) {
    for (const [name, value] of Object.entries(values)) if (field(name)) field(name).value = value;
    if (field("has_no_end")) field("has_no_end").checked = false;
  }

  const DAY_MS = 24 * 3600 * 1000;
  function addNights(count) {
    const ends = field("ends");
    const at = Date.parse(`${ends.value}Z`); // a clock, not a moment: no zone shifts it
    if (Number.isNaN(at)) return;
    const next = new Date(at + count * DAY_MS).toISOString().slice(0, 16);
    if (field("starts") && next <= field("starts").value) return;
    ends.value = next;
    window.lockboard.say(`Until ${next.replace("T", " ")}.`);
  }

  function toggleClock({ of, clock, usual }) {
    const box = field(of);
    if (box.value.length < 16) return;
    box.value = `${box.value.slice(0, 10)}T${box.value.slice(11, 16) === clock ? usual : clock}`;
  }

  // The usual times that stand there untouched. Those of another property are others, by its
  // clock and its check-in; and "tonight" begins a minute later each minute.
  let ofPlace = field("place")?.value;
  function noteUsual() {
    const all = [...form.querySelectorAll("[data-starts]")];
    const same = all.find(({ dataset }) => dataset.starts === field("starts")?.value && dataset.ends === field("ends")?.value);
    form.dataset.usual = same?.value ?? "";
  }
  function followPlace() {
    if (field("place")?.value === ofPlace) return;
    ofPlace = field("place").value;
    const same = [...form.querySelectorAll("[data-starts]")].find((each) => each.value === form.dataset.usual);
    if (!same) return;
    setTimes({ starts: same.dataset.starts, ends: same.dataset.ends });
    changed();
  }

  // Which usual times are those of the fields?
  function markTimes() {
    for (const button of form.querySelectorAll("[data-starts]")) {
      button.setAttribute("aria-pressed", String(button.value === form.dataset.usual));
    }
    for (const button of form.querySelectorAll("[data-clock]")) {
      button.setAttribute("aria-pressed", String(field(button.dataset.of)?.value.slice(11, 16) === button.dataset.clock));
    }
    // One way in leaves nothing to choose between.
    const policy = form.querySelector(".grant-policy");
    if (policy) policy.hidden = form.querySelectorAll("[name=methods]:checked").length < 2;
    if (field("ends") && field("has_no_end")) field("ends").disabled = field("has_no_end").checked;
  }

  // --- presses --------------------------------------------------------------------------

  const ACTS = [
    ["[data-forget]", forgetPerson],
    ["[data-up]", (button) => moveRow(button, -1)],
    ["[data-down]", (button) => moveRow(button, 1)],
    ["[data-drop]", drop],
    ["[data-starts]", ({ dataset }) => setTimes({ starts: dataset.starts, ends: dataset.ends })],
    ["[data-nights]", ({ dataset }) => addNights(Number(dataset.nights))],
    ["[data-clock]", ({ dataset }) => toggleClock(dataset)],
  ];

  form.addEventListener("click", (event) => {
    const found = ACTS.find(([selector]) => event.target.closest(selector));
    if (!found) return;
    event.preventDefault();
    found[1](event.target.closest(found[0]));
    noteUsual();
    markTimes();
    changed();
  });

  form.addEventListener("lockboard:chosen", (event) => {
    if (event.detail.personId) choosePerson(event.detail);
    else addPlace(event.detail);
    changed();
  });

  // What was typed before comes back (grant-kept.js), beside what the fields themselves hold.
  form.addEventListener("lockboard:put-back", ({ detail: { person, chips, times } }) => {
    form.querySelector("[data-chips]").replaceChildren();
    chips.forEach(putChip);
    if (times) setTimes(times);
    if (person.personId) choosePerson(person);
    else showPerson(false);
    noteUsual();
    markTimes();
    changed();
  });

  form.addEventListener("change", ({ target }) => {
    if (target === field("starts") || target === field("ends")) noteUsual();
    markTimes();
  });
  document.addEventListener("htmx:afterSettle", () => {
    followPlace();
    markTimes();
  });
  // Pages from the browser's memory have other answers than their markup.
  addEventListener("pageshow", () => {
    noteUsual();
    markTimes();
  });
  noteUsual();
  markTimes();
})();
