// The trace: rows come from one JSON in tree order, and only those in sight exist. 30,000 spans cost what 40 cost.
const height = 28, spare = 8;
const view = document.querySelector("[data-trace]");
const spacer = view.querySelector(".spacer");
const aside = document.querySelector("[data-span-detail]");
const data = JSON.parse(document.querySelector("#trace-data").textContent);
const total = data.name.length;
const statuses = ["unset", "ok", "error", "cancelled"];
for (let n = 1; n < total; n++) data.start[n] += data.start[n - 1];
const packed = atob(data.ids);
const id = (n) => { let text = ""; for (let at = n * 8; at < n * 8 + 8; at++) text += packed.charCodeAt(at).toString(16).padStart(2, "0"); return text; };
function numberOf(span) {
  if (!/^[0-9a-f]{16}$/.test(span || "")) return -1;
  const bytes = String.fromCharCode(...span.match(/../g).map((pair) => parseInt(pair, 16)));
  for (let at = packed.indexOf(bytes); at >= 0; at = packed.indexOf(bytes, at + 1)) if (at % 8 === 0) return at / 8;
  return -1;
}
const critical = new Set(data.critical);
const icons = document.querySelector(".title use")?.getAttribute("href").replace(/#.*/, "");
const ns = "http://www.w3.org/2000/svg";
const folded = new Set();
let shown = [], place = [], chosen = -1, drawn = new Map(), want = 0;

// a span has children when the next row is deeper; its subtree ends where the depth is back
const hasChildren = (n) => n + 1 < total && data.depth[n + 1] > data.depth[n];
const end = (n) => { let m = n + 1; while (m < total && data.depth[m] > data.depth[n]) m++; return m; };

function layout() {
  shown = [];
  place = new Array(total).fill(-1);
  for (let n = 0; n < total; n++) {
    place[n] = shown.length;
    shown.push(n);
    if (folded.has(n)) n = end(n) - 1;
  }
  spacer.style.height = `${shown.length * height}px`;
}

const trim = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
function seconds(us) {
  const ms = us / 1000;
  if (us === 0) return "0 ms";
  if (ms < 999.5) return `${ms < 1 ? ms.toFixed(2) : ms < 10 ? trim(ms.toFixed(1)) : Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 59.95) return `${s.toFixed(s < 10 ? 2 : 1)} s`;
  const whole = Math.round(s);
  return whole < 3600 ? `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, "0")} s` : `${Math.floor(whole / 3600)} h ${String(Math.floor(whole % 3600 / 60)).padStart(2, "0")} m`;
}

const make = (tag, name, text) => { const node = document.createElement(tag); if (name) node.className = name; if (text !== undefined) node.textContent = text; return node; };
function rect(kind, n, y, tall) {
  const node = document.createElementNS(ns, "rect");
  node.setAttribute("class", kind);
  node.setAttribute("x", `${(data.start[n] / data.total * 100).toFixed(3)}%`);
  node.setAttribute("width", `${Math.max(0.05, data.length[n] / data.total * 100).toFixed(3)}%`);
  node.setAttribute("y", y);
  node.setAttribute("height", tall);
  return node;
}

// as _beside and _fitting in waterfall.py: where there is most room, and no more than stands there
function beside(n, note) {
  const left = data.start[n] / data.total * 100, right = left + Math.max(0.05, data.length[n] / data.total * 100);
  const anchor = right - left > Math.max(100 - right, left) ? "inside" : 100 - right >= left ? "start" : "end";
  const room = Math.max(right - left, 100 - right, left);
  const text = document.createElementNS(ns, "text");
  text.setAttribute("class", anchor);
  text.setAttribute("x", `${(anchor === "start" ? right : left).toFixed(3)}%`);
  text.setAttribute("y", 17);
  text.textContent = note.split(" · ").slice(0, room >= 70 ? 3 : room >= 45 ? 2 : 1).join(" · ");
  return text;
}

function build(n) {
  const type = data.types[data.type[n]], status = statuses[data.status[n] || 0], name = data.names[data.name[n]];
  const row = make("div", critical.has(n) ? "span on-path" : "span");
  row.dataset.n = n;
  row.id = `s${n}`;
  row.setAttribute("role", "treeitem");
  row.setAttribute("aria-level", data.depth[n] + 1);
  row.setAttribute("aria-setsize", total);
  row.setAttribute("aria-selected", n === chosen);
  row.style.transform = `translateY(${place[n] * height}px)`;
  const tree = make("div", "tree"), lane = make("div", "lane");
  const twist = make("button", hasChildren(n) ? "twist" : "twist leaf");
  twist.type = "button";
  twist.tabIndex = -1;
  twist.setAttribute("aria-label", "Fold");
  if (hasChildren(n)) { twist.setAttribute("aria-expanded", !folded.has(n)); row.setAttribute("aria-expanded", !folded.has(n)); }
  const label = make("a", "label", name);
  label.dir = "auto";
  label.tabIndex = -1;
  label.title = name;
  label.href = `?span=${id(n)}`;
  tree.append(make("span", `pad d${Math.min(12, data.depth[n])}`), twist, make("span", `kind k-${type}`, type), label);
  if (status === "error") {
    const svg = document.createElementNS(ns, "svg"), use = document.createElementNS(ns, "use");
    svg.setAttribute("class", "i flag");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", "failed");
    use.setAttribute("href", `${icons}#error`);
    svg.append(use);
    tree.append(svg);
  }
  const bars = document.createElementNS(ns, "svg");
  bars.setAttribute("aria-hidden", "true");
  bars.append(rect(`k-${type} ${status}`, n, 8, 10));
  if (critical.has(n)) bars.append(rect("path", n, 20, 2));
  const note = data.notes[n];
  if (note) bars.append(beside(n, note));
  lane.append(bars);
  row.append(tree, lane, make("span", "took", seconds(data.length[n])));
  return row;
}

function draw() {
  want = 0;
  const first = Math.max(0, Math.floor(view.scrollTop / height) - spare);
  const last = Math.min(shown.length, Math.ceil((view.scrollTop + view.clientHeight) / height) + spare);
  const keep = new Map();
  const fresh = document.createDocumentFragment();
  for (let at = first; at < last; at++) {
    const n = shown[at];
    let row = drawn.get(n);
    if (row) drawn.delete(n);
    else { row = build(n); fresh.append(row); }
    keep.set(n, row);
  }
  for (const row of drawn.values()) row.remove();
  drawn = keep;
  spacer.append(fresh);
}
const soon = () => { if (!want) want = requestAnimationFrame(draw); };

function redraw() { for (const row of drawn.values()) row.remove(); drawn = new Map(); layout(); draw(); }

function fold(n, closed) {
  if (!hasChildren(n) || folded.has(n) === closed) return;
  if (closed) folded.add(n); else folded.delete(n);
  redraw();
}

let asked = 0;
async function choose(n, load = true) {
  const before = drawn.get(chosen);
  before?.setAttribute("aria-selected", "false");
  chosen = n;
  for (let m = n - 1, depth = data.depth[n]; m >= 0 && depth > 0; m--) if (data.depth[m] < depth) { depth = data.depth[m]; if (folded.has(m)) fold(m, false); }
  const top = place[n] * height;
  if (top < view.scrollTop) view.scrollTop = top;
  else if (top + height > view.scrollTop + view.clientHeight) view.scrollTop = top + height - view.clientHeight;
  draw();
  drawn.get(n)?.setAttribute("aria-selected", "true");
  view.setAttribute("aria-activedescendant", `s${n}`);
  if (!load) return;
  const url = new URL(location.href);
  url.searchParams.set("span", id(n));
  history.replaceState(null, "", url);
  const mine = ++asked;
  aside.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${view.dataset.trace}/spans/${id(n)}`);
    const text = await answer.text();
    if (mine !== asked) return;
    if (answer.ok) { aside.innerHTML = text; aside.scrollTop = 0; rewriteTimes(); } else aside.textContent = "This span could not be read. Choose it again.";
  } catch { if (mine === asked) aside.textContent = "The server cannot be reached. Choose the span again."; }
  if (mine === asked) aside.removeAttribute("aria-busy");
}
import { rewrite } from "./time.js";
const rewriteTimes = () => rewrite(aside);

view.addEventListener("scroll", soon, { passive: true });
new ResizeObserver(soon).observe(view);
view.addEventListener("click", (event) => {
  const row = event.target.closest(".span");
  if (!row || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const n = Number(row.dataset.n);
  if (event.target.closest(".twist:not(.leaf)")) fold(n, !folded.has(n));
  else { choose(n); view.focus({ preventScroll: true }); }
});
const step = (by) => choose(shown[Math.max(0, Math.min(shown.length - 1, (chosen < 0 ? -1 : place[chosen]) + by))]);
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  const here = event.target === view;
  const page = Math.max(1, Math.floor(view.clientHeight / height) - 1);
  const act = {
    j: () => step(1), k: () => step(-1),
    ...(here && { ArrowDown: () => step(1), ArrowUp: () => step(-1), PageDown: () => step(page), PageUp: () => step(-page), Home: () => step(-1e9), End: () => step(1e9),
      ArrowLeft: () => (hasChildren(chosen) && !folded.has(chosen) ? fold(chosen, true) : parent()), ArrowRight: () => fold(chosen, false) }),
  }[event.key];
  if (act) { event.preventDefault(); event.stopImmediatePropagation(); act(); }
}, true);
function parent() {
  for (let m = chosen - 1; m >= 0; m--) if (data.depth[m] < data.depth[chosen]) { choose(m); return; }
}

const finder = document.querySelector("[data-span-find]");
finder?.addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = finder.querySelector("input").value.trim().toLowerCase();
  if (!wanted) return;
  const names = data.names.map((name) => name.toLowerCase().includes(wanted));
  for (let k = 1; k <= total; k++) { const n = (Math.max(chosen, -1) + k) % total; if (names[data.name[n]]) { choose(n); return; } }
  document.querySelector("#says").textContent = "No span has this name";
});

// the tree is as wide as it was last made, by the grip in its head or its arrow keys
const grip = document.querySelector("[data-grip]"), fall = grip.closest(".fall");
function widen(percent) {
  const width = Math.round(Math.max(20, Math.min(75, percent)));
  fall.style.setProperty("--tree", `${width}%`);
  grip.setAttribute("aria-valuenow", width);
  try { localStorage.setItem("tree", width); } catch { /* storage is off: as wide as the style sheet says */ }
}
let kept = null;
try { kept = Number(localStorage.getItem("tree")); } catch { /* as above */ }
if (kept && innerWidth > 760) widen(kept);
grip.addEventListener("pointerdown", (event) => { grip.setPointerCapture(event.pointerId); event.preventDefault(); });
grip.addEventListener("pointermove", (event) => { if (grip.hasPointerCapture(event.pointerId)) { const box = fall.getBoundingClientRect(); widen((event.clientX - box.left + 6) / box.width * 100); } });
grip.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: -3, ArrowRight: 3 }[event.key];
  if (by) { event.preventDefault(); event.stopPropagation(); widen(Number(grip.getAttribute("aria-valuenow")) + by); }
});

const initial = spacer.querySelector("[aria-selected='true']");
const scrolled = view.scrollTop;
layout();
spacer.replaceChildren();
spacer.classList.add("virtual");
view.scrollTop = scrolled;
draw();
const start = initial ? Number(initial.dataset.n) : numberOf(new URL(location.href).searchParams.get("span"));
if (start >= 0) choose(start, false);
view.dataset.ready = "1";
