// A button that shows a password while it is typed. Its place is [data-reveal].
"use strict";

(() => {
  for (const place of document.querySelectorAll("[data-reveal]")) {
    const input = place.querySelector("input");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button is-small is-plain";
    button.textContent = "Show";
    button.setAttribute("aria-controls", input.id);
    button.addEventListener("click", () => {
      const isShown = input.type === "text";
      input.type = isShown ? "password" : "text";
      button.textContent = isShown ? "Show" : "Hide";
    });
    // What is sent is a password again, so that the browser offers to keep it.
    input.form?.addEventListener("submit", () => (input.type = "password"));
    place.classList.add("reveal");
    place.append(button);
  }
})();
