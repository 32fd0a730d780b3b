// What every page has: theme, times, keys, copying, forms that send themselves, refresh without a jump.
import { keep, rewrite, start, toggleUtc } from "./time.js";
import { move, open } from "./rows.js";

const one = (selector) => document.querySelector(selector);
export const say = (text) => { const live = one("#says"); if (live) live.textContent = text; };

start();

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-autosubmit]");
  if (form) form.requestSubmit();
});
// empty fields stay out of the URL
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) { event.preventDefault(); return; }
  if (form.method === "get" && !event.defaultPrevented) for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
});
window.addEventListener("pageshow", () => { for (const field of document.querySelectorAll("form [name]:disabled")) field.disabled = false; });
// back shows the page as it was asked for, not as its fields were left
window.addEventListener("pageshow", () => { for (const form of document.querySelectorAll("[data-autosubmit]")) form.reset(); });

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-theme-toggle], [data-help]");
  if (target?.dataset.copy) copy(target);
  else if (target?.hasAttribute("data-theme-toggle")) theme();
  else if (target) one("#keys").showModal();
  for (const pop of document.querySelectorAll("details.pop[open]")) if (!pop.contains(event.target)) pop.open = false;
});

async function copy(button) {
  const text = [...document.querySelectorAll(button.dataset.copy)].map((node) => node.textContent).join("\n").trim();
  try {
    await navigator.clipboard.writeText(text);
    say("Copied");
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1200);
  } catch { say("The browser did not allow copying"); }
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  keep("theme", root.dataset.theme);
}

document.addEventListener("toggle", async (event) => {
  const facet = event.target;
  if (!facet.open || !facet.dataset?.facet || facet.dataset.done) return;
  facet.dataset.done = "1";
  const answer = await fetch(facet.dataset.facet);
  const list = document.createElement("div");
  if (answer.ok) list.innerHTML = await answer.text();
  else list.textContent = "could not be read";
  facet.append(list);
}, true);

// Refresh swaps the content in place: position, focus and opened parts stay.
export async function refresh() {
  const scroll = [scrollX, scrollY];
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) { location.reload(); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const opened = [...document.querySelectorAll("main details")].map((node) => node.open);
  one("main").replaceChildren(...fresh.querySelector("main").childNodes);
  document.querySelectorAll("main details").forEach((node, place) => { if (opened[place] !== undefined && !node.dataset.facet) node.open = opened[place]; });
  rewrite(one("main"));
  document.dispatchEvent(new CustomEvent("page:fresh"));
  scrollTo(...scroll);
}
const every = Number(one("[data-refresh]")?.dataset.refresh);
if (every >= 5) setInterval(() => { if (!document.hidden && !document.activeElement?.matches("input, select")) refresh(); }, every * 1000);

const go = (key) => {
  const link = one(`[data-key="${key}"]`);
  if (link && link.getAttribute("aria-disabled") !== "true") link.click();
  return Boolean(link);
};
const keys = {
  "/": () => { const field = [...document.querySelectorAll("[data-search]")].find((f) => f.offsetParent); field?.focus(); field?.select(); return Boolean(field); },
  "?": () => { one("#keys")?.showModal(); return true; },
  "j": () => move(1), "k": () => move(-1), "Enter": () => open(),
  "[": () => go("["), "]": () => go("]"), "n": () => go("n"), "p": () => go("p"),
  "r": () => { if (one("[data-refresh]")) { refresh(); say("Refreshed"); } return true; },
  "u": () => { say(`Times in ${toggleUtc()}`); return true; },
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "Escape") {
    if (typing) typing.blur();
    for (const pop of document.querySelectorAll("details.pop[open]")) pop.open = false;
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary, [tabindex='0']")) return;
  if (keys[event.key]?.()) event.preventDefault();
});
one("[data-refresh]")?.addEventListener("click", (event) => { event.preventDefault(); refresh(); });
