// Find in this call: marks what is found in messages, facts and folded parts, Enter goes to the next.
const form = document.querySelector("[data-find]");
const field = form.querySelector("input");
const told = document.querySelector("[data-found]");
let marks = [], at = -1;

function clear() {
  for (const mark of marks) { const parent = mark.parentNode; mark.replaceWith(...mark.childNodes); parent?.normalize(); }
  marks = []; at = -1;
}

function search(text) {
  clear();
  if (text.length < 2) { told.textContent = ""; return; }
  const wanted = text.toLowerCase();
  const walk = document.createTreeWalker(document.querySelector(".detail"), NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walk.nextNode()) if (walk.currentNode.data.toLowerCase().includes(wanted)) nodes.push(walk.currentNode);
  for (let node of nodes) {
    let place;
    while (marks.length < 2000 && (place = node.data.toLowerCase().indexOf(wanted)) >= 0) {
      const hit = node.splitText(place);
      node = hit.splitText(wanted.length);
      const mark = document.createElement("mark");
      hit.replaceWith(mark);
      mark.append(hit);
      marks.push(mark);
    }
  }
  told.textContent = marks.length ? `${marks.length} found` : "nothing found";
}

function next(step) {
  if (!marks.length) return;
  marks[at]?.classList.remove("here");
  at = (at + step + marks.length) % marks.length;
  const mark = marks[at];
  for (let node = mark.parentElement; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  mark.classList.add("here");
  mark.scrollIntoView({ block: "center" });
  told.textContent = `${at + 1} of ${marks.length}`;
}

field.addEventListener("input", () => search(field.value));
form.addEventListener("submit", (event) => event.preventDefault());
field.addEventListener("keydown", (event) => { if (event.key === "Enter") next(event.shiftKey ? -1 : 1); });
