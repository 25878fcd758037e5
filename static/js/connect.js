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
  const shown = () => rows.filter((row) => !row.hidden);

  function show() {
    for (const row of rows) {
      const choice = row.querySelector("select");
      const made = row.querySelector("[data-new-property]");
      row.querySelector(".connect-place").hidden = !boxOf(row).checked;
      if (made) made.hidden = choice.value !== "new";
    }
    if (!all) return;
    const checked = shown().filter((row) => boxOf(row).checked).length;
    all.checked = checked > 0 && checked === shown().length;
    all.indeterminate = checked > 0 && checked < shown().length;
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every((word) => row.dataset.site.includes(word));
    sites.querySelector("[data-no-site]").hidden = shown().length > 0;
    show();
  }

  sites.addEventListener("change", (event) => {
    if (event.target === all) for (const row of shown()) boxOf(row).checked = all.checked;
    show();
  });
  search?.addEventListener("input", filter);
  search?.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  show();
})();
