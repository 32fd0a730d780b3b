// Times in the viewer's zone. The server writes them in the zone of the cookie; only when that is another are they rewritten.
const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const root = document.documentElement;

const part = (options) => (date, zone) => {
  const parts = {};
  for (const { type, value } of new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", ...options }).formatToParts(date)) parts[type] = value;
  return parts;
};
const all = part({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const named = part({ month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });

const day = (date) => { const p = all(date, zone()); return `${p.year}${p.month}${p.day}`; };
const styles = {
  full: (p) => `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`,
  exact: (p, _, date) => `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}.${String(date.getUTCMilliseconds()).padStart(3, "0")}`,
  list: (_, n) => `${n.month} ${n.day} ${n.hour}:${n.minute}:${n.second}`,
  minute: (_, n) => `${n.month} ${n.day} ${n.hour}:${n.minute}`,
  row: (p, n, date) => (day(date) === day(new Date()) ? `${p.hour}:${p.minute}:${p.second}` : styles.minute(p, n)),
  clock: (_, n) => `${n.hour}:${n.minute}`,
  day: (_, n) => `${n.month} ${n.day}`,
};

export function format(date, style, zone) {
  return (styles[style] || styles.list)(all(date, zone), named(date, zone), date);
}

export const zone = () => root.dataset.zone || "UTC";

export function rewrite(within = document) {
  for (const node of within.querySelectorAll("time[datetime], [data-time]")) {
    const date = new Date(node.dateTime || node.dataset.time);
    if (!Number.isNaN(+date)) node.textContent = format(date, node.dataset.style || "list", zone());
  }
  for (const node of within.querySelectorAll("[data-zone-name]")) node.textContent = zone();
  for (const node of within.querySelectorAll("[data-local]")) {
    const p = all(new Date(node.dataset.local), zone());
    node.value = `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}:${p.second}`;
  }
  for (const node of within.querySelectorAll("[data-range] [name=zone]")) node.value = zone();
}

const keep = (name, value) => { document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=31536000; samesite=lax`; };

export function toggleUtc() {
  const next = zone() === "UTC" ? own : "UTC";
  keep("utc", next === "UTC" ? "1" : "");
  keep("zone", next);
  root.dataset.zone = next;
  rewrite();
  return next;
}

export function start() {
  const wanted = /(?:^|; )utc=1/.test(document.cookie) ? "UTC" : own;
  if (wanted === zone()) return;
  keep("zone", wanted);
  root.dataset.zone = wanted;
  rewrite();
}

export { keep };
