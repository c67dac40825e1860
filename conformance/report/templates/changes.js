// The comparison: the filter narrows changes and transitions, which are all in the page.

(() => {
  const query = $("#query"), told = $("#told"), clear = $("#clear");
  const entries = $$("[data-change]").map((element) => ({ element, item: JSON.parse(element.dataset.change) }));
  const grids = $$("[data-grid]").map((element) => ({ element, item: JSON.parse(element.dataset.grid) }));
  const press = chips(query, () => apply(true));

  function apply(push = false) {
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
    let left = 0;
    for (const { element, item } of entries) left += (element.hidden = !Where.holds(terms, item)) ? 0 : 1;
    const broad = terms.filter(({ key }) => key === "check" || key === "impl");
    for (const { element, item } of grids) element.hidden = !Where.holds(broad, item);
    const none = $("#changes .none-left");
    if (none) none.hidden = left > 0;
    told.replaceChildren(terms.length ? `${left} of ${entries.length} changes` : "");
    Address.write({ q: query.value.trim(), at: Address.read().at }, push);
    return undefined;
  }

  /* A number of the transitions narrows to the changes behind it. */
  for (const button of $$("[data-show]")) {
    button.addEventListener("click", (event) => {
      event.preventDefault();
      query.value = button.dataset.show;
      apply(true);
      reveal($("#changes"), false);
    });
  }

  function go() {
    const { q = "", at } = Address.read();
    query.value = q;
    apply();
    const target = at && document.getElementById(at);
    if (target) reveal(target, false);
  }

  query.addEventListener("input", () => apply());
  clear.addEventListener("click", () => { query.value = ""; apply(true); query.focus(); });
  addEventListener("popstate", go);
  const step = (by) => () => {
    const left = entries.map(({ element }) => element).filter((element) => !element.hidden);
    const here = left.findIndex((element) => element.contains(document.activeElement));
    const next = left[here < 0 ? (by > 0 ? 0 : left.length - 1) : Math.min(Math.max(here + by, 0), left.length - 1)];
    if (!next) return;
    $("a.number", next).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  keyboard({ j: step(1), k: step(-1) }, () => {
    if (!query.value) { query.blur(); return false; }
    query.value = "";
    apply(true);
    return true;
  });
  if (location.hash) go();
})();
