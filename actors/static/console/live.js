/* Keeps a page of the console fresh: asks for its live part every few seconds and puts it in place of the old one.
   It rests while the page is hidden, while somebody has chosen rows or types in the part, and when told to.
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
    const open = [...live.querySelectorAll("details[id][open]")].map((details) => details.id);
    live.innerHTML = html;
    shown = html;
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    if (focused) [...live.querySelectorAll("a, button, summary, input")].find((element) => name(element) === focused)?.focus({ preventScroll: true });
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
  live.classList.add("scripted");
  state.hidden = false;
  showState();
  setTimeout(turn, everyMs);
})();
