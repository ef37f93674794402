/* The button appears only where it can do something; without scripts the browser's own menu prints as well. */
"use strict";

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
