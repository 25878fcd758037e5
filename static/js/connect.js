// Onboarding: starts the checks by itself, filters sites, and hides what is not asked.
"use strict";

(() => {
  document.querySelector("[data-auto-submit]")?.requestSubmit();

  const sites = document.querySelector("[data-sites]");
  if (!sites) return;
  const rows = [...sites.querySelectorAll("[data-site]")];
  const boxOf = (row) => row.querySelector('input[name="site"]');
  const all = sites.querySelector("[data-all-sites]");
  const search = sites.querySelector("[data-site-search]");
  // What cannot be chosen is only shown.
  const free = () => rows.filter((row) => !row.hidden && !boxOf(row).disabled);

  function show() {
    for (const row of rows) {
      const choice = row.querySelector("select");
      const made = row.querySelector("[data-new-property]");
      const place = row.querySelector(".connect-place");
      if (place) place.hidden = !boxOf(row).checked;
      if (made) made.hidden = choice.value !== "new";
    }
    if (!all) return;
    const checked = free().filter((row) => boxOf(row).checked).length;
    all.checked = checked > 0 && checked === free().length;
    all.indeterminate = checked > 0 && checked < free().length;
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every((word) => row.dataset.site.includes(word));
    sites.querySelector("[data-no-site]").hidden = rows.some((row) => !row.hidden);
    show();
  }

  sites.addEventListener("change", (event) => {
    if (event.target === all) for (const row of free()) boxOf(row).checked = all.checked;
    show();
  });
  search?.addEventListener("input", filter);
  search?.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  show();
})();
