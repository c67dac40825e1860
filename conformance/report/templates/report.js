// The report: the filter narrows matrix, failures and cases; the address keeps view, filter and place.

(() => {
  const query = $("#query"), told = $("#told"), clear = $("#clear"), list = $("#cases-list");
  const block = $("#payload"), PAGE = 100;
  const glyphs = Object.fromEntries($$("#words .mark").map((mark) => [mark.textContent.trim().replace(/^\S+\s+/, ""), $(".glyph", mark).textContent]));
  const groups = $$("details.group[data-group]");
  const state = { q: "", view: "", at: "", case: "" };
  let loading = null, shown = null, listed = false, order = null;

  const load = () => (loading ??= Cases.load(block));
  const css = (outcome) => "o-" + outcome.replaceAll(" ", "-");
  const count = (number, one, many = one + "s") => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
  const mark = (outcome) => make("span", { class: "mark " + css(outcome) }, make("span", { class: "glyph", "aria-hidden": "true" }, glyphs[outcome] ?? ""), " " + outcome);
  const press = chips(query, () => apply(true));

  /* ---- the filter */

  async function apply(push = false) {
    let terms;
    try {
      terms = Where.parse(query.value);
    } catch (error) {
      if (!(error instanceof Where.WhereError)) throw error;
      return complain(query, told, error);
    }
    query.removeAttribute("aria-invalid");
    press(terms);
    clear.hidden = !terms.length;
    state.q = terms.length ? query.value.trim() : "";
    Address.write(state, push);
    if (!terms.length) return restore();
    const data = await load();
    if (query.value.trim() !== state.q) return undefined; // somebody typed on
    const begin = performance.now();
    const { verdicts, records } = data.filter(terms);
    const { byCheck, bySetting, whole } = data.counts(verdicts);
    const left = data.groupsOf(verdicts);
    matrices(data, byCheck, bySetting, left);
    for (const group of groups) group.hidden = !left.has(Number(group.dataset.group));
    none("#failures", groups.length > 0 && !left.size);
    shown = { verdicts, records, whole };
    if (listed) cases(data);
    const places = new Set(records.reduce((found, is, r) => (is ? (found.push(data.records.case[r]), found) : found), []));
    told.replaceChildren(`${count(places.size, "case")} of ${data.cases.id.length.toLocaleString("en")}, ${count(left.size, "failure")} of ${groups.length}`);
    document.documentElement.dataset.filtered = (performance.now() - begin).toFixed(1);
    return undefined;
  }

  function restore() {
    shown = null;
    for (const row of originals.keys()) row.replaceWith(originals.get(row));
    originals.clear();
    for (const row of $$(".matrix [hidden]")) row.hidden = false;
    for (const group of groups) group.hidden = false;
    none("#failures", false);
    none("#matrix", false);
    told.replaceChildren();
    delete document.documentElement.dataset.filtered;
    if (listed) load().then(cases);
  }

  const none = (section, is) => { const note = $(section + " .none-left"); if (note) note.hidden = !is; };

  /* ---- the matrices */

  const originals = new Map(); // rows that are shown now -> rows as they came

  function matrices(data, byCheck, bySetting, left) {
    for (const table of $$(".matrix")) {
      const impls = $$("thead th[data-impl]", table).map((head) => Number(head.dataset.impl));
      const tallies = table.id === "by-check" ? byCheck : bySetting;
      for (const row of $$("tr[data-row]", table)) {
        const first = originals.get(row) ?? row;
        const fresh = first.cloneNode(true);
        $$("td:not(.meaning)", fresh).forEach((cell) => cell.remove());
        const tally = tallies.get(row.dataset.row);
        const explains = (impl) => (table.id === "by-check" ? data.groupOfCheck(row.dataset.row, impl, left) : data.groupOfSetting(row.dataset.row, impl, left));
        fresh.append(...impls.map((impl) => cell(data, tally, impl, explains)));
        fresh.hidden = table.id === "by-check" && !(tally && impls.some((impl) => tally.subarray(impl * data.outcomes.length, (impl + 1) * data.outcomes.length).some(Boolean)));
        fresh.classList.toggle("empty", !tally);
        row.replaceWith(fresh);
        originals.delete(row);
        originals.set(fresh, first);
      }
    }
    none("#matrix", ![...byCheck.values()].some((tally) => tally.some(Boolean)));
  }

  function cell(data, tally, impl, explains) {
    const kinds = data.outcomes.length, counts = tally ? tally.subarray(impl * kinds, (impl + 1) * kinds) : [];
    const worst = counts.findIndex?.((n) => n > 0) ?? -1;
    if (worst < 0) return make("td", { class: "num none" }, make("span", { "aria-hidden": "true" }, "·"), make("span", { class: "sr" }, "no case"));
    const outcome = data.outcomes[worst];
    let judged = 0, failing = 0;
    counts.forEach((n, k) => { if (data.judges[k]) judged += n; if (data.deviates[k]) failing += n; });
    const level = [0, 0.1, 0.5].filter((share) => failing > share * judged).length + (failing > 0 && failing === judged ? 1 : 0);
    const of = failing ? failing : counts[worst], partial = failing || outcome === "known" || outcome === "fixed";
    const words = [...counts].map((n, k) => (n ? `${n} ${data.outcomes[k]}` : "")).filter(Boolean).join(", ");
    const text = partial ? `${of.toLocaleString("en")}/${judged.toLocaleString("en")}` : of.toLocaleString("en");
    const inside = [make("span", { class: "glyph", "aria-hidden": "true" }, glyphs[outcome] ?? ""), make("span", { class: "sr" }, outcome), " " + text];
    const number = failing ? explains(impl) : undefined;
    const target = number && groups.find((one) => Number(one.dataset.group) === number);
    return make("td", { class: `num level-${level} ${css(outcome)}`, title: words }, ...(target ? [make("a", { href: "#" + target.id }, ...inside)] : inside));
  }

  /* A cell with failures narrows to them; without scripts it leads to the first of them. */
  $("#matrix").addEventListener("click", (event) => {
    const link = event.target.closest("td a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const row = link.closest("tr");
    const heads = $$("thead th[data-impl]", row.closest("table"));
    let column = 0;
    for (const other of row.cells) {
      if (other === link.parentElement) break;
      if (other.tagName === "TD" && !other.classList.contains("meaning")) column += other.colSpan;
    }
    const impl = $("bdi", heads[column]).textContent;
    const term = row.closest("#by-check") ? ["check", row.dataset.row] : ["option", row.dataset.row];
    narrow([term, ["impl", impl], ["outcome", "deviation"]], "failures");
  });

  /* Puts terms into the filter, in the place of others of the same keys (or options), and goes to a section. */
  const name = (setting) => /^[^=!<>]*/.exec(setting)[0].toLowerCase();
  async function narrow(terms, at) {
    let kept = [];
    const replaced = (term) => terms.some(([key, value]) => key === term.key && (key !== "option" || term.values.some((other) => name(other) === name(value))));
    try { kept = Where.parse(query.value).filter((term) => !replaced(term)); } catch { /* replaced */ }
    query.value = [...kept.map((term) => query.value.slice(term.position, term.end)), ...terms.map(([key, value]) => Where.spell(key, value))].join(" ");
    state.at = at;
    state.case = "";
    await apply(true);
    const left = groups.filter((group) => !group.hidden);
    if (at === "failures" && left.length === 1) reveal(left[0]);
    else reveal($("#" + at), false);
  }

  for (const button of $$("button[data-show]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const [key, value] = button.dataset.show.split(":");
      query.value = "";
      listed = true;
      narrow([[key, value]], "cases");
    });
  }

  /* ---- the cases */

  function cases(data) {
    const n = data.impls.length, { whole } = shown ?? data.counts(new Uint8Array(data.size).fill(1));
    const rows = [];
    for (let c = 0; c < data.cases.id.length; c++) {
      const outcomes = whole.subarray(c * n, (c + 1) * n);
      if (outcomes.every((outcome) => outcome === 255)) continue;
      rows.push({ c, outcomes, weight: data.weight(c), fails: outcomes.reduce((sum, outcome) => sum + (data.deviates[outcome] ? 1 : 0), 0) });
    }
    order = order ?? { key: "fails", down: true };
    const keys = { fails: (row) => row.fails, id: (row) => data.cases.id[row.c], case: (row) => row.c };
    const key = keys[order.key] ?? ((row) => -row.outcomes[Number(order.key)]);
    const ranked = rows.map((row) => [key(row), row]).sort(([a, one], [b, other]) => (a < b ? -1 : a > b ? 1 : 0) * (order.down ? -1 : 1) || one.weight - other.weight).map(([, row]) => row);
    const body = make("tbody");
    const head = (label, name, attributes = {}) => {
      const sorted = order.key === name ? (order.down ? "descending" : "ascending") : null;
      const button = make("button", { type: "button", class: "sort", onclick: () => { order = { key: name, down: !(order.key === name && order.down) }; cases(data); } }, label);
      return make("th", { scope: "col", "aria-sort": sorted, ...attributes }, button);
    };
    const columns = data.impls.map((name, i) => head(make("bdi", {}, name), String(i)));
    const table = make("table", { class: "cases" }, make("thead", {}, make("tr", {}, head("id", "id"), head("case", "case"), ...columns)), body);
    let next = 0;
    const more = make("button", { type: "button", class: "button", onclick: () => page() });
    const page = () => {
      body.append(...ranked.slice(next, next + PAGE).map((row) => caseRow(data, row)));
      next = Math.min(next + PAGE, ranked.length);
      more.hidden = next === ranked.length;
      more.textContent = `Show ${Math.min(PAGE, ranked.length - next)} more of ${(ranked.length - next).toLocaleString("en")}`;
    };
    page();
    list.replaceChildren(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cases" }, table), more);
    if (!ranked.length) list.replaceChildren("No case matches the filter.");
  }

  function caseRow(data, { c, outcomes }) {
    const { id, layer, options, sizes, rejection } = data.parts(c);
    const told = options.filter(({ plain }) => !plain).map(({ name, value }) => `${name}=${data.spell(value)}`).join(" ");
    const button = make("button", { type: "button", class: "open", "aria-expanded": "false", onclick: () => toggle(data, c, row, button) }, make("code", {}, id));
    const row = make("tr", { "data-case": id },
      make("th", { scope: "row" }, button),
      make("td", { class: "what" }, make("strong", {}, layer), " ", make("code", {}, told), rejection ? ` must be refused: ${rejection} ` : " ", make("span", { class: "muted" }, sizes.map(([, size]) => size).join("×"))),
      ...[...outcomes].map((outcome) => make("td", {}, outcome === 255 ? make("span", { class: "muted", "aria-hidden": "true" }, "·") : mark(data.outcomes[outcome]))));
    return row;
  }

  function toggle(data, c, row, button, focus = false) {
    const open = row.nextElementSibling?.classList.contains("detail");
    button.setAttribute("aria-expanded", String(!open));
    if (open) row.nextElementSibling.remove();
    else {
      row.after(make("tr", { class: "detail" }, make("td", { colspan: row.cells.length }, detail(data, c))));
      $$("[data-copy]", row.nextElementSibling).forEach(copyButton);
    }
    state.case = open ? "" : data.cases.id[c];
    state.at = "";
    Address.write(state, !focus);
  }

  /* What every check said of a case on every implementation, and how to run it again. */
  function detail(data, c) {
    const { id, options, sizes, kind, seed, phase } = data.parts(c);
    const settings = make("ul", { class: "settings" }, ...[...options].sort((a, b) => a.plain - b.plain).map(({ name, value, plain }) => make("li", {}, make(plain ? "span" : "b", { class: plain ? "muted" : null }, `${name}=${data.spell(value)}`))));
    const size = make("p", { class: "sizes" }, ...sizes.flatMap(([name, value], i) => [i ? " × " : "", name + " ", make("strong", {}, String(value))]), make("span", { class: "muted" }, ` · data ${kind}, seed ${seed} · ${phase}`));
    const said = data.recordsOf(c).map((r) => {
      const rows = [], passed = [];
      for (let v = data.start[r]; v < data.start[r + 1]; v++) {
        const outcome = data.outcomes[data.outcome[v]], ratio = data.ratio[v], name = data.checks[data.check[v]];
        if (outcome === "pass" && Number.isNaN(ratio)) { passed.push(name); continue; }
        const message = data.message[v] < 0 ? "" : data.messages[data.message[v]];
        rows.push(make("tr", {}, make("th", { scope: "row" }, make("span", { class: "check" }, name)), make("td", {}, mark(outcome)), make("td", { class: "num" }, Number.isNaN(ratio) ? "" : `${Number(ratio.toPrecision(3))} × allowed`), make("td", {}, make("bdi", {}, message))));
      }
      const mode = data.modes[data.records.mode[r]];
      return [make("h4", {}, make("bdi", {}, data.labels[data.records.impl[r]]), mode ? ` · ${mode}` : ""), make("table", { class: "plain said" }, make("tbody", {}, ...rows)), passed.length ? make("p", { class: "muted" }, `pass: ${passed.join(", ")}`) : null];
    });
    const replay = block.dataset.replay.replace("{id}", () => (/^[\w-]+$/.test(id) ? id : `'${id}'`));
    const command = (text, what) => make("div", { class: "command" }, make("pre", { "data-copy": what, tabindex: "0" }, make("code", {}, text)));
    const link = make("button", { type: "button", class: "button" }, "Copy a link to this case");
    link.addEventListener("click", () => copy(location.href.split("#")[0] + "#case=" + encodeURIComponent(id), link));
    return make("div", { class: "body" }, settings, size, ...said.flat(), command(replay, "replay command"), make("details", { class: "more" }, make("summary", {}, "Case as JSON"), command(data.json(c), "case as JSON")), make("p", { class: "foot" }, link));
  }

  async function openCase(id) {
    const data = await load(), c = data.cases.id.indexOf(id);
    listed = true;
    if (c < 0) {
      cases(data);
      list.prepend(make("p", {}, `This report has no case ${id}.`));
      return reveal($("#cases"), false);
    }
    cases(data);
    let row = $$("tr[data-case]", list).find((one) => one.dataset.case === id);
    if (!row) {
      const n = data.impls.length, { whole } = shown ?? data.counts(new Uint8Array(data.size).fill(1));
      row = caseRow(data, { c, outcomes: whole.subarray(c * n, (c + 1) * n) });
      $("tbody", list).prepend(row);
    }
    toggle(data, c, row, $("button", row), true);
    return reveal(row, false);
  }

  $("#cases-open").addEventListener("click", async () => { listed = true; cases(await load()); });

  /* ---- the address, the keyboard */

  async function go() {
    const wanted = Address.read();
    Object.assign(state, { q: "", view: "", at: "", case: "" }, wanted);
    if (state.at === "options") state.view = "options";
    $(state.view === "options" ? "#view-options" : "#view-checks").checked = true;
    if ((state.q || "") !== query.value.trim()) query.value = state.q;
    await apply();
    if (state.case) await openCase(state.case);
    else if (state.at) {
      const target = document.getElementById(state.at);
      if (target) reveal(target, target.tagName === "DETAILS");
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target) return;
    event.preventDefault();
    if (target.hidden) target.hidden = false;
    state.at = target.id;
    state.case = "";
    if (target.closest("#checks")) show("checks");
    Address.write(state, true);
    reveal(target, target.tagName === "DETAILS");
  });

  function show(view) {
    $("#view-" + view).checked = true;
    state.view = view === "checks" ? "" : view;
  }
  for (const radio of $$("input[name=view]")) radio.addEventListener("change", () => { show(radio.value); Address.write(state, true); });

  let timer = 0;
  query.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
  query.addEventListener("keydown", (event) => { if (event.key === "Enter") { clearTimeout(timer); apply(true); } });
  clear.addEventListener("click", () => { query.value = ""; apply(true); query.focus(); });
  addEventListener("popstate", go);

  const step = (by) => () => {
    const left = groups.filter((group) => !group.hidden);
    if (!left.length) return;
    const here = left.findIndex((group) => group.contains(document.activeElement));
    const next = left[here < 0 ? (by > 0 ? 0 : left.length - 1) : Math.min(Math.max(here + by, 0), left.length - 1)];
    $("summary", next).focus();
    next.scrollIntoView({ block: "nearest" });
    state.at = next.id;
    Address.write(state, false);
  };
  keyboard({ j: step(1), k: step(-1) }, () => {
    if (document.activeElement === query && !query.value) { query.blur(); return true; }
    if (!query.value) return false;
    query.value = "";
    apply(true);
    return true;
  });
  if (location.hash) go();
})();
