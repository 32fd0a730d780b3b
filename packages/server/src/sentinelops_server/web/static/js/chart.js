// Reading values off a chart: the table behind it is the data, pointer and arrow keys choose a bucket.
const ns = "http://www.w3.org/2000/svg";

function wire(figure) {
  const area = figure.querySelector(".area");
  const svg = area.querySelector("svg");
  const table = figure.querySelector(".behind table");
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const body = [...table.tBodies[0].rows];
  if (!body.length) return;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  area.append(tip);
  const cursor = document.createElementNS(ns, "path");
  cursor.setAttribute("class", "cursor");
  svg.append(cursor);
  let chosen = -1;

  const show = (place, announce) => {
    chosen = Math.max(0, Math.min(body.length - 1, place));
    const row = body[chosen];
    const x = (chosen + 0.5) / body.length * 1000;
    cursor.setAttribute("d", `M${x} 0V100`);
    const title = document.createElement("strong");
    title.textContent = row.cells[0].textContent;
    const values = document.createElement("table");
    heads.forEach((head, at) => {
      const line = values.insertRow();
      const dot = document.createElement("span");
      dot.className = `dot ${head.dataset.colour}`;
      line.insertCell().append(dot, " ", head.textContent);
      const value = line.insertCell();
      value.className = "r";
      value.textContent = row.cells[at + 1].textContent;
    });
    tip.replaceChildren(title, values);
    tip.hidden = false;
    const width = area.clientWidth;
    const at = x / 1000 * width;
    tip.style.left = at > width / 2 ? `${Math.max(0, at - tip.offsetWidth - 10)}px` : `${at + 10}px`;
    if (announce) document.querySelector("#says").textContent = [title.textContent, ...heads.map((head, n) => `${head.textContent} ${row.cells[n + 1].textContent}`)].join(", ");
  };
  const hide = () => { tip.hidden = true; cursor.removeAttribute("d"); };
  area.addEventListener("pointermove", (event) => {
    const box = area.getBoundingClientRect();
    show(Math.floor((event.clientX - box.left) / box.width * body.length));
  });
  area.addEventListener("pointerleave", hide);
  area.addEventListener("blur", hide);
  const follow = () => { if (chosen >= 0) body[chosen].querySelector("a")?.click(); };
  area.addEventListener("click", follow);
  area.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -1e6, End: 1e6 }[event.key];
    if (step) { event.preventDefault(); show(chosen < 0 ? (step > 0 && step < 1e6 || step < -1 ? 0 : body.length - 1) : chosen + step, true); }
    else if (event.key === "Enter") follow();
  });
}

const wireAll = () => document.querySelectorAll("[data-chart]").forEach(wire);
wireAll();
document.addEventListener("page:fresh", wireAll);
