/* Shows times in the reader's time zone. Keeps the order page up to date: polls the state, which the server decides, and
   shows its block. */
"use strict";

(() => {
  const FAST_MS = 500;
  const SLOW_MS = 3000;
  const FAST_FOR_MS = 120000;
  const ANSWER_WITHIN_MS = 10000;

  showLocalTimes();
  const page = document.querySelector("[data-state-url]");
  if (!page) return; // every other page of the shop: only its times are local

  const announcement = page.querySelector("[data-announce]");
  const opened = performance.now();
  let timer = 0;
  let request = null; // the AbortController of the request under way

  if (page.dataset.final === "true") return;
  document.addEventListener("visibilitychange", () => (document.hidden ? pause() : ask()));
  window.addEventListener("pageshow", (event) => event.persisted && ask());
  window.addEventListener("online", ask);
  if (!document.hidden) later();

  function later() {
    clearTimeout(timer);
    if (page.dataset.final === "true" || document.hidden) return;
    timer = setTimeout(ask, performance.now() - opened < FAST_FOR_MS ? FAST_MS : SLOW_MS);
  }

  function pause() {
    clearTimeout(timer);
    if (request) request.abort();
  }

  async function ask() {
    if (request || page.dataset.final === "true") return;
    clearTimeout(timer);
    const mine = (request = new AbortController());
    const deadline = setTimeout(() => mine.abort(), ANSWER_WITHIN_MS);
    try {
      const answer = await fetch(page.dataset.stateUrl, {
        cache: "no-store",
        headers: { Accept: "application/json" },
        signal: mine.signal,
      });
      if (answer.ok) show(await answer.json());
    } catch {
      // No network, a restarting server, or no JSON: the next request may succeed.
    } finally {
      clearTimeout(deadline);
      request = null;
      later();
    }
  }

  function show({ state, advice, final }) {
    if (typeof state !== "string") return;
    for (const each of page.querySelectorAll("[data-advice]")) each.hidden = each.dataset.advice !== advice;
    if (state !== page.dataset.state) change(state);
    page.dataset.final = String(final === true);
  }

  function change(state) {
    const next = page.querySelector(`[data-block="${CSS.escape(state)}"]`);
    if (!next) {
      location.reload(); // a newer shop has a state that this page does not know
      return;
    }
    const focusWasInside = Boolean(document.activeElement.closest("[data-block]"));
    for (const block of page.querySelectorAll("[data-block]")) {
      block.hidden = block !== next;
      delete block.dataset.status;
    }
    next.dataset.status = page.dataset.state = state;
    document.title = next.dataset.title;
    const heading = next.querySelector("h1");
    if (focusWasInside) heading.focus();
    else announcement.textContent = heading.textContent;
    replaceHistory();
  }

  /* Replaces the history with the server's; without an answer the old one stays. */
  async function replaceHistory() {
    const old = page.querySelector(".history");
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".history");
      if (old && fresh && answer.ok) old.replaceWith(fresh);
      showLocalTimes();
    } catch {
      // The next change of state, or a reload, shows it.
    }
  }

  /* Converts times from the server's time zone to the browser's. */
  function showLocalTimes() {
    const today = new Date().toDateString();
    for (const element of document.querySelectorAll("time[data-local]:not([title])")) {
      const moment = new Date(element.dateTime);
      const day = moment.toDateString() === today ? {} : { dateStyle: "medium" };
      element.title = element.textContent;
      element.textContent = moment.toLocaleString(document.documentElement.lang, { ...day, timeStyle: "short" });
    }
  }
})();
