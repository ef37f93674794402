/* Keeps a page of the console fresh: asks for its live part every few seconds and puts it in place of the old one.
   It rests while the page is hidden, while rows are chosen or a field of the part is in use, and when it was stopped.
   Without it the page is the same, and as old as it is. */
"use strict";

(() => {
  const state = document.querySelector("[data-live]");
  const live = document.getElementById("live");
  if (!state || !live) return;

  const said = state.querySelector("[role=status]");
  const button = state.querySelector("button");
  const address = new URL(location.href);
  address.searchParams.set("part", "live");
  const everyMs = 1000 * Number(state.dataset.live);
  const waitsAtMostMs = Math.max(10000, 2 * everyMs);
  let stopped = sessionStorage.getItem("console-stopped") === "yes";
  let shown = null;

  const inUse = () =>
    live.querySelector("input:checked") !== null ||
    (live.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), textarea, select"));

  const name = (element) => element && [element.tagName, element.getAttribute("href"), element.getAttribute("formaction"), element.value].join(" ");

  function put(html) {
    if (html === shown) return;
    const focused = live.contains(document.activeElement) ? name(document.activeElement) : null;
    live.innerHTML = html;
    shown = html;
    dress();
    if (focused) [...live.querySelectorAll("a, button, input")].find((element) => name(element) === focused)?.focus({ preventScroll: true });
  }

  /* What the server cannot know: the reader's clock, and the row that the address names after its #. */
  function dress() {
    showLocalTimes();
    showTarget();
  }

  function showTarget() {
    live.querySelector(".target")?.classList.remove("target");
    document.getElementById(location.hash.slice(1))?.classList.add("target");
  }

  /* Where the reader's clock differs from the shop's, shows the reader's own time and zone; the title keeps the others. */
  function showLocalTimes() {
    const two = (number) => String(number).padStart(2, "0");
    for (const element of document.querySelectorAll("time[data-local]")) {
      const at = new Date(element.dateTime);
      const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(element.dateTime);
      delete element.dataset.local;
      if (Number(`${sign}1`) * (60 * hours + Number(minutes)) === -at.getTimezoneOffset()) continue;
      const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
      const parts = new Intl.DateTimeFormat(document.documentElement.lang, { timeZoneName: "short" }).formatToParts(at);
      const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${parts.find((part) => part.type === "timeZoneName").value}`;
      element.title += ` · ${time}`;
      element.textContent = at.toDateString() === new Date().toDateString() ? time : day + time;
    }
  }

  function say(text, lost) {
    if (said.textContent !== text) said.textContent = text;
    state.classList.toggle("lost", lost);
  }

  async function refresh() {
    const answer = await fetch(address, { headers: { Accept: "text/html" }, redirect: "error", signal: AbortSignal.timeout(waitsAtMostMs) });
    if (!answer.ok) throw new Error(answer.status);
    const html = await answer.text();
    if (!stopped && !inUse()) put(html);
  }

  async function turn() {
    if (!stopped && !document.hidden && !inUse()) {
      try {
        await refresh();
        say("", false);
      } catch {
        say(state.dataset.lost, true);
      }
    }
    setTimeout(turn, everyMs);
  }

  function showState() {
    button.textContent = stopped ? button.dataset.go : button.dataset.stop;
    say(stopped ? state.dataset.stopped : "", false);
  }

  button.addEventListener("click", () => {
    stopped = !stopped;
    sessionStorage.setItem("console-stopped", stopped ? "yes" : "no");
    showState();
  });
  live.addEventListener("click", (click) => {
    if (!click.target.matches("button.all")) return;
    const boxes = [...live.querySelectorAll("input[type=checkbox]")];
    const choose = boxes.some((box) => !box.checked);
    boxes.forEach((box) => (box.checked = choose));
  });
  dress();
  window.addEventListener("hashchange", showTarget);
  live.classList.add("scripted");
  state.hidden = false;
  showState();
  setTimeout(turn, everyMs);
})();
