/* Shows new mails without a reload. */
"use strict";

(() => {
  const EVERY_MS = 3000;
  const shown = document.querySelector("[data-mails]");

  setInterval(async () => {
    if (document.hidden || shown.contains(document.activeElement)) return;
    try {
      const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
      const latest = page.querySelector("[data-mails]");
      if (latest && latest.innerHTML !== shown.innerHTML) shown.replaceChildren(...latest.childNodes);
    } catch {
      // the shop is away; the next turn tries again
    }
  }, EVERY_MS);
})();
