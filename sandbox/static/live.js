// Keeps the lights of encoders and readers fresh: asks each second, and reloads the page when
// another card lies there than it shows.
const source = document.body.dataset.live;

function show(row) {
  const place = document.querySelector(`[data-light="${row.id}"]`);
  if (!place) return;
  if (place.dataset.onIt !== row.on_it) {
    location.reload();
    return;
  }
  place.querySelector("[data-lamp]").className = `lamp ${row.state}`;
  place.querySelector("[data-words]").textContent = row.words;
  place.querySelector("[data-says]").textContent = row.light;
}

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(source, { cache: "no-store" });
    if (answer.ok) (await answer.json()).forEach(show);
  } catch {
    // The sandbox is away for a moment; the next look tells.
  }
}

if (source) setInterval(look, 1000);
