// What every page has: copy buttons, the theme, sorting, the help, the state in the address. The page is complete
// without any script.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/* An element with attributes and children; text is text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function copyButton(source) {
  const button = make("button", { type: "button", class: "copy", "aria-label": "Copy " + source.dataset.copy }, "Copy");
  button.addEventListener("click", () => copy(source.textContent, button, source));
  source.after(button);
}

/* Copies text, or selects it where the browser does not allow that. */
async function copy(text, button, source) {
  const before = button.textContent;
  let done = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = "Selected";
    if (source) getSelection().selectAllChildren(source);
    else done = "Not allowed";
  }
  button.textContent = done;
  setTimeout(() => { button.textContent = before; }, 1500);
}

/* Remember the theme, where the browser allows it. */
function rememberTheme() {
  const themes = $$("input[name=theme]");
  try {
    const saved = localStorage.getItem("theme");
    for (const theme of themes) {
      if (theme.value === saved) theme.checked = true;
      theme.addEventListener("change", () => localStorage.setItem("theme", theme.value));
    }
  } catch { /* no storage: the choice lasts as long as the page */ }
}

/* Headings of a table of one body become buttons that sort it. */
function sortable(table) {
  const body = table.tBodies[0];
  $$("thead th", table).forEach((head, column) => {
    const button = make("button", { type: "button", class: "sort" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      $$("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => sortKey(row.cells[column]?.textContent ?? "");
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))));
      if (down) rows.reverse();
      body.append(...rows.map(([, row]) => row));
    });
  });
}

function sortKey(text) {
  const found = /^[^\w-]*(-?[\d,]+(?:\.\d+)?(?:e[-+]?\d+)?)/.exec(text.trim());
  return found ? Number(found[1].replaceAll(",", "")) : text.trim();
}

/* The state in the address: `#failures`, or `#q=check:values&view=options&at=failures`. */
const Address = {
  read() {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return hash ? { at: decodeURIComponent(hash) } : {};
    return Object.fromEntries(new URLSearchParams(hash));
  },
  write(state, push) {
    const parts = Object.entries(state).filter(([, value]) => value);
    const plain = parts.length === 1 && parts[0][0] === "at";
    const spell = (text) => encodeURIComponent(text).replaceAll("%20", "+").replace(/%(3A|2C|3D|2A)/g, decodeURIComponent);
    const hash = plain ? parts[0][1] : parts.map(([name, value]) => `${name}=${spell(value)}`).join("&");
    if (hash === location.hash.slice(1)) return;
    history[push ? "pushState" : "replaceState"](null, "", "#" + hash);
  },
};

/* Shows an element: opens what it stands in, and scrolls to it. */
function reveal(element, focus = true) {
  for (let outer = element; outer; outer = outer.parentElement) if (outer.tagName === "DETAILS") outer.open = true;
  element.scrollIntoView({ block: "start" });
  if (focus) (element.tagName === "DETAILS" ? $("summary", element) : element).focus?.({ preventScroll: true });
}

/* The help, and keys: `/` writes a filter, `?` helps, Esc goes back; `keys` adds those of a page. */
function keyboard(keys, back) {
  const help = $("#help"), query = $("#query");
  $("#ask").addEventListener("click", () => help.showModal());
  $("#help-close").addEventListener("click", () => help.close());
  help.addEventListener("click", (event) => { if (event.target === help) help.close(); });
  const all = { "/": () => { query.focus(); query.select(); }, "?": () => help.showModal(), ...keys };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.key === "Escape") {
      if (back()) event.preventDefault();
      return;
    }
    if (event.target.matches("input:not([type=radio]), textarea, select") || !(event.key in all)) return;
    event.preventDefault();
    all[event.key]();
  });
}

/* Chips put their terms into the query and take them out. */
function chips(query, changed) {
  const same = (term, chip) => term.key === chip.key && !term.negated;
  const all = $$(".chip[data-term]").map((button) => ({ button, ...Where.parse(button.dataset.term)[0] }));
  for (const chip of all) {
    chip.button.addEventListener("click", () => {
      query.value = toggled(query.value, chip, same);
      changed();
    });
  }
  return (terms) => {
    for (const chip of all) {
      const on = terms.some((term) => same(term, chip) && chip.values.every((value) => term.values.includes(value)));
      chip.button.setAttribute("aria-pressed", String(on));
    }
  };
}

/* A query with the value of a chip added to the term of its key, or taken out. */
function toggled(query, chip, same) {
  let terms;
  try { terms = Where.parse(query); } catch { terms = []; query = ""; }
  const kept = terms.filter((term) => !same(term, chip)).map((term) => query.slice(term.position, term.end));
  const has = new Set(terms.filter((term) => same(term, chip)).flatMap((term) => term.values));
  for (const value of chip.values) if (!has.delete(value)) has.add(value);
  if (has.size) kept.push(`${chip.key}:${[...has].map((value) => Where.spell("", value).slice(1)).join(",")}`);
  return kept.join(" ");
}

/* Shows where a query cannot be read. */
function complain(query, told, error) {
  query.setAttribute("aria-invalid", "true");
  told.replaceChildren(make("span", { class: "o-fail tone" }, `✗ character ${error.position + 1}: ${error.message}`));
}

document.documentElement.classList.add("js");
$$("[data-copy]").forEach(copyButton);
$$("table[data-sort]").forEach(sortable);
$$(".scripted").forEach((element) => { element.hidden = false; });
rememberTheme();
if ($("#filters")) {
  $("#filters").hidden = false;
  const height = () => document.documentElement.style.setProperty("--bar", $("#filters").offsetHeight + "px");
  new ResizeObserver(height).observe($("#filters"));
}
