// Live tail: every two seconds the rows that are new, put on top; who has scrolled or chosen a row is not disturbed.
import { rewrite } from "./time.js";

const most = 300;
let timer = 0, held = [];
const button = () => document.querySelector("[data-tail]");
const says = (text) => { const live = document.querySelector("[data-tail-says]"); if (live) live.textContent = text; };

function place(rows) {
  const body = document.querySelector("[data-tail-into] tbody");
  const before = document.documentElement.scrollHeight;
  for (const row of rows) { row.classList.add("fresh"); body.prepend(row); }
  const list = [...body.rows].sort((a, b) => (a.dataset.at < b.dataset.at ? 1 : -1));
  body.append(...list.slice(0, most));
  for (const row of list.slice(most)) row.remove();
  if (scrollY > 200) scrollBy(0, document.documentElement.scrollHeight - before);
}

async function look() {
  const body = document.querySelector("[data-tail-into] tbody");
  const url = new URL(button().dataset.tail, location.href);
  url.searchParams.set("after", body?.rows[0]?.dataset.at || new Date(Date.now() - 120000).toISOString());
  try {
    const answer = await fetch(url);
    if (!answer.ok) { says(answer.status === 401 ? "signed out" : "the server did not answer; trying again"); return; }
    const holder = document.createElement("template");
    holder.innerHTML = `<table><tbody>${await answer.text()}</tbody></table>`;
    const found = [...holder.content.querySelectorAll("tr[data-id]")];
    if (!body) { if (found.length) location.reload(); return; }
    const known = new Set([...body.rows, ...held].map((row) => row.dataset.id));
    const fresh = found.filter((row) => !known.has(row.dataset.id)).reverse();
    rewrite(holder.content);
    const reading = scrollY > 200 || document.querySelector("tr[aria-selected='true']");
    if (reading) { held.push(...fresh); says(held.length ? `${held.length} new, shown at the top of the page` : "live"); return; }
    const rows = [...held, ...fresh];
    held = [];
    if (rows.length) place(rows);
    says(rows.length ? `live, ${rows.length} new` : "live");
  } catch { says("the server cannot be reached; trying again"); }
}

async function loop() { await look(); if (timer) timer = setTimeout(loop, 2000); }

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-tail]");
  if (!pressed) return;
  const on = pressed.getAttribute("aria-pressed") !== "true";
  pressed.setAttribute("aria-pressed", String(on));
  const use = pressed.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, on ? "#pause" : "#play"));
  clearTimeout(timer);
  timer = on ? setTimeout(loop, 0) : 0;
  says(on ? "live" : "");
});
