// Rows of a list: j and k choose, Enter opens, a click anywhere on a row follows its link.
const rows = () => [...document.querySelectorAll("table[data-rows] tbody tr")].filter((row) => row.offsetParent !== null || row.getClientRects().length);

export function move(step) {
  const list = rows();
  if (!list.length) return false;
  const now = list.findIndex((row) => row.getAttribute("aria-selected") === "true");
  const next = list[Math.max(0, Math.min(list.length - 1, now < 0 ? (step > 0 ? 0 : list.length - 1) : now + step))];
  if (now >= 0) list[now].removeAttribute("aria-selected");
  next.setAttribute("aria-selected", "true");
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a.open")?.focus({ preventScroll: true });
  return true;
}

export function open() {
  const link = document.querySelector("tr[aria-selected='true'] a.open");
  link?.click();
  return Boolean(link);
}

document.addEventListener("click", (event) => {
  const row = event.target.closest("table.rows[data-rows] tbody tr");
  if (!row || event.target.closest("a, button, summary, input") || getSelection().toString()) return;
  const link = row.querySelector("a.open");
  if (!link) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else link.click();
});
