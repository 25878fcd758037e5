// Keeps one page for when a guest's phone has no connection. Only below its own address, and
// only that page and its looks: never the stay itself, a code or a key.
"use strict";

const KEPT = "lockboard-guest";
const PAGE = "{% url 'guest-offline' %}";
const STAY = "{% url 'guest' %}";
const LOOKS = ["{% static 'css/tokens.css' %}", "{% static 'css/base.css' %}", "{% static 'css/guest.css' %}", "{% static 'css/guest-open.css' %}", "{% static 'icons/sprite.svg' %}"];

async function keep() {
  const answer = await fetch(PAGE, { credentials: "same-origin", cache: "no-store" });
  if (!answer.ok) {
    await caches.delete(KEPT); // the link leads nowhere any more
    return;
  }
  const cache = await caches.open(KEPT);
  await cache.put(PAGE, answer);
  await cache.addAll(LOOKS);
}

async function stay(request) {
  try {
    const answer = await fetch(request);
    if (answer.status === 404 || answer.status === 403) await caches.delete(KEPT);
    return answer;
  } catch {
    return (await caches.match(PAGE)) ?? Response.error();
  }
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  if (event.data === "keep") event.waitUntil(keep());
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname } = new URL(request.url);
  if (request.mode === "navigate" && request.method === "GET" && pathname.startsWith(STAY)) {
    event.respondWith(stay(request));
  } else if (LOOKS.includes(pathname)) {
    event.respondWith(fetch(request).catch(() => caches.match(request, { ignoreSearch: true })));
  }
});
