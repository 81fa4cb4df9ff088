// The table of several apps: filters it by name, and keeps what has not changed.
const rows = () => [...document.querySelectorAll("#apps tbody tr")];
const appOf = row => row.cells[0].textContent.trim();

// replaceAroundApps shows new content around the box and the table, which stay where they are, with
// whatever is being typed, and the row in the middle of the window. It is false without a table.
function replaceAroundApps(old, main) {
  const [box, table] = old.querySelectorAll("#search, #apps"), [blank, fresh] = main.querySelectorAll("#search, #apps");
  if (!box || !blank) return false;
  const middle = scrollY > 0 && document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest("#apps tbody tr");
  const index = middle && rows().indexOf(middle), top = middle && middle.getBoundingClientRect().top;
  for (const child of [...old.children]) if (child !== box && child !== table) child.remove();
  const children = [...main.children];
  box.before(...children.slice(0, children.indexOf(blank)));
  table.after(...children.slice(children.indexOf(fresh) + 1));
  replaceRows(table, fresh);
  filter();
  if (middle) scrollBy(0, (rows()[index]?.getBoundingClientRect().top ?? top) - top);
  return true;
}

// replaceRows replaces those that have changed: with a thousand, all would keep the browser busy.
function replaceRows(table, fresh) {
  table.caption.replaceWith(fresh.caption);
  table.tHead.replaceWith(fresh.tHead);
  const old = rows(), all = [...fresh.tBodies[0].rows];
  all.forEach((row, i) => {
    row.hidden = !!old[i]?.hidden;
    if (!old[i]) table.tBodies[0].append(row);
    else if (!old[i].isEqualNode(row)) old[i].replaceWith(row);
  });
  for (const row of old.slice(all.length)) row.remove();
}

// filter shows the apps whose names have the text of the box in them. The address keeps it.
function filter() {
  const box = document.getElementById("filter");
  if (!box) return;
  box.parentElement.hidden = false;
  const text = box.value.trim().toLowerCase(), all = rows();
  for (const row of all) row.hidden = !appOf(row).includes(text);
  const left = all.filter(row => !row.hidden).length;
  const says = text && `${left} of ${all.length} apps`, shown = document.getElementById("shown");
  if (shown.textContent !== says) shown.textContent = says;
}

addEventListener("input", ({ target }) => {
  if (target.id !== "filter") return;
  filter();
  history.replaceState(null, "", target.value ? "#filter=" + encodeURIComponent(target.value) : location.pathname + location.search);
});

addEventListener("keydown", event => {
  const box = document.getElementById("filter"), { target, key } = event;
  if (!box || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (key === "/" && target !== box) {
    box.focus();
    box.select();
  } else if (target !== box || !box.value) return;
  else if (key === "Escape") {
    box.value = "";
    box.dispatchEvent(new InputEvent("input", { bubbles: true }));
  } else if (key === "Enter") rows().find(row => !row.hidden)?.querySelector("a").click();
  else return;
  event.preventDefault();
});

const kept = new URLSearchParams(location.hash.slice(1)).get("filter");
if (kept) document.getElementById("filter")?.setAttribute("value", kept);
filter();
