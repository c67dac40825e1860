// All verdicts of the run, decoded when first needed, and filtered by column: a filter of sixty thousand records takes
// some milliseconds. Tables are described in conformance/report/payload.py.

class Cases {
  static async load(block) {
    const text = block.textContent;
    if (block.type === "application/json") return new Cases(JSON.parse(text));
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Cases(JSON.parse(await new Response(stream).text()));
  }

  constructor(tables) {
    Object.assign(this, tables);
    this.severity = Object.fromEntries(tables.outcomes.map((outcome, rank) => [outcome, rank]));
    const { signature } = tables.records;
    this.start = new Uint32Array(signature.length + 1);
    for (let r = 0; r < signature.length; r++) this.start[r + 1] = this.start[r] + tables.signatures[signature[r]].length / 3;
    this.size = this.start[signature.length];
    this.check = new Uint16Array(this.size);
    this.outcome = new Uint8Array(this.size);
    this.ratio = new Float32Array(this.size).fill(NaN);
    let next = 0;
    for (let r = 0, v = 0; r < signature.length; r++) {
      const row = tables.signatures[signature[r]];
      for (let i = 0; i < row.length; i += 3, v++) {
        this.check[v] = row[i];
        this.outcome[v] = row[i + 1];
        if (row[i + 2]) this.ratio[v] = tables.ratios[next] < 0 ? Infinity : tables.ratios[next], next++;
      }
    }
    this.message = new Int32Array(this.size).fill(-1);
    for (let i = 0; i < tables.said.length; i += 3) this.message[this.start[tables.said[i]] + tables.said[i + 1]] = tables.said[i + 2];
    this.deviates = tables.outcomes.map((outcome) => Where.DEVIATIONS.includes(outcome));
    this.judges = tables.outcomes.map((outcome, rank) => this.deviates[rank] || ["known", "fixed", "pass"].includes(outcome));
  }

  /* Settings of a configuration: [name, value] of layer, options, sizes and dialect. */
  settings(config) {
    const [shape, ...places] = this.configs[config];
    const [dialect, options, sizes] = this.shapes[shape];
    const names = ["layer", ...options, ...sizes];
    const told = names.map((name, i) => [name, this.spell(this.values[places[i]])]);
    return [...told, ["dialect", dialect]];
  }

  /* A value as Python spells it. */
  spell(value) { return value === true ? "True" : value === false ? "False" : String(value); }

  /* Layer, options (with whether each is default) and sizes of a case. */
  parts(place) {
    const config = this.configs[this.cases.config[place]];
    const [dialect, options, sizes, defaults] = this.shapes[config[0]];
    const value = (i) => this.values[config[i]];
    return {
      id: this.cases.id[place], dialect, layer: value(1), kind: this.kinds[this.cases.kind[place]], seed: this.cases.seed[place],
      phase: this.phases[this.cases.phase[place]], rejection: this.rejections[this.cases.rejection[place]],
      options: options.map((name, i) => ({ name, value: value(2 + i), plain: this.spell(value(2 + i)) === defaults[i] })),
      sizes: sizes.map((name, i) => [name, value(2 + options.length + i)]),
    };
  }

  /* The case in its canonical form, as JSON; the seed may be beyond what a number of a script can hold. */
  json(place) {
    const { dialect, layer, options, sizes, kind, seed, rejection } = this.parts(place);
    const config = { dialect, layer, options: Object.fromEntries(options.map(({ name, value }) => [name, value])), sizes: Object.fromEntries(sizes) };
    const whole = { config, data: { kind, seed: "\u0000" }, ...(rejection ? { rejection } : {}) };
    return JSON.stringify(whole, null, 2).replace('"\\u0000"', /^-?\d+$/.test(seed) ? seed : JSON.stringify(seed));
  }

  /* Which verdicts match: {verdicts: Uint8Array, records: Uint8Array, number of cases}. */
  filter(terms) {
    const tests = terms.map((term) => this.test(term));
    const { case: cases, impl: impls, mode: modes } = this.records;
    const verdicts = new Uint8Array(this.size), records = new Uint8Array(cases.length);
    for (let r = 0; r < cases.length; r++) {
      const open = [];
      let possible = true;
      for (const test of tests) {
        const said = test.record(cases[r], impls[r], modes[r]);
        if (said === 2) open.push(test);
        else if (!said) { possible = false; break; }
      }
      if (!possible) continue;
      for (let v = this.start[r]; v < this.start[r + 1]; v++) {
        if (open.every((test) => test.verdict(v, cases[r], impls[r]))) verdicts[v] = records[r] = 1;
      }
    }
    return { verdicts, records };
  }

  /* A term as a test of records (0: no, 1: yes, 2: ask each verdict) and of verdicts. */
  test(term) {
    const not = term.negated ? 1 : 0;
    const table = (rows, item) => Uint8Array.from(rows, (row, i) => Number(Where.any(term, item(row, i)) !== term.negated));
    const ofRecord = (record) => ({ record, verdict: () => true });
    const ofVerdict = (verdict) => ({ record: () => 2, verdict });
    const { cases } = this;
    switch (term.key) {
      case "impl": { const is = table(this.impls, (impl) => ({ impl })); return ofRecord((c, i) => is[i]); }
      case "mode": { const is = table(this.modes, (mode) => ({ mode })); return ofRecord((c, i, m) => is[m]); }
      case "phase": { const is = table(this.phases, (phase) => ({ phase })); return ofRecord((c) => is[cases.phase[c]]); }
      case "data": { const is = table(this.kinds, (data) => ({ data })); return ofRecord((c) => is[cases.kind[c]]); }
      case "id": { const is = table(cases.id, (id) => ({ id })); return ofRecord((c) => is[c]); }
      case "option": { const is = this.bySettings((settings) => Where.any(term, { settings }) !== term.negated); return ofRecord((c) => is[c]); }
      case "check": { const is = table(this.checks, (check) => ({ check })); return ofVerdict((v) => is[this.check[v]]); }
      case "outcome": { const is = table(this.outcomes, (outcome) => ({ outcome })); return ofVerdict((v) => is[this.outcome[v]]); }
      case "ratio": { const is = Where.limits(term); return ofVerdict((v) => is(this.ratio[v]) !== term.negated); }
      case "fails": { const is = this.fails(); return ofVerdict((v, c) => this.wordsOf(is[c * this.checks.length + this.check[v]], term) !== Boolean(not)); }
      case "group": { const is = this.members(term); return ofVerdict((v, c, i) => is.has((c * this.checks.length + this.check[v]) * this.impls.length + i) !== Boolean(not)); }
      case "text": return this.textTest(term);
      default: return ofRecord(() => not); // nothing changed in a single run
    }
  }

  /* For every case, what a question about all its settings gives; asked once for those that are alike. */
  bySettings(question) {
    const { config, rejection } = this.cases, width = this.rejections.length + 1, known = new Map();
    return Uint8Array.from(config, (place, c) => {
      const key = place * width + rejection[c] + 1;
      if (!known.has(key)) {
        const refused = this.rejections[rejection[c]], told = this.ofConfig(place);
        known.set(key, Number(question(Object.fromEntries(refused ? [...told, ["rejection", refused]] : told))));
      }
      return known.get(key);
    });
  }

  ofConfig(config) {
    this.known ??= new Map();
    if (!this.known.has(config)) this.known.set(config, this.settings(config));
    return this.known.get(config);
  }

  /* Free text: in what a case, a record or a verdict says. */
  textTest(term) {
    const has = (text) => Number(term.values.some((value) => text.toLowerCase().includes(value)));
    const all = (rows) => Uint8Array.from(rows, (row) => has(row));
    const impls = all(this.impls), modes = all(this.modes), checks = all(this.checks), outcomes = all(this.outcomes), messages = all(this.messages);
    const phases = all(this.phases), kinds = all(this.kinds);
    const settings = this.bySettings((told) => has(Object.entries(told).map(([name, value]) => `${name}=${value}`).join("\n")));
    const cases = Uint8Array.from(this.cases.id, (id, c) => settings[c] || phases[this.cases.phase[c]] || kinds[this.cases.kind[c]] || has(id));
    const said = (v) => checks[this.check[v]] || outcomes[this.outcome[v]] || (this.message[v] >= 0 && messages[this.message[v]]);
    return {
      record: (c, i, m) => (cases[c] || impls[i] || modes[m] ? Number(!term.negated) : 2),
      verdict: (v) => Boolean(said(v)) !== term.negated,
    };
  }

  /* For every case and check, bits: 1 one of several fails, 2 all of several, 4 backends disagree. */
  fails() {
    if (this.failing) return this.failing;
    const { case: cases, impl: impls } = this.records, width = this.checks.length;
    const total = this.cases.id.length * width, judged = new Uint32Array(total), failed = new Uint32Array(total);
    for (let r = 0; r < cases.length; r++) {
      for (let v = this.start[r]; v < this.start[r + 1]; v++) {
        const at = cases[r] * width + this.check[v];
        if (this.judges[this.outcome[v]]) judged[at] |= 1 << impls[r];
        if (this.deviates[this.outcome[v]]) failed[at] |= 1 << impls[r];
      }
    }
    const families = this.frameworks.map((family) => family.reduce((bits, impl) => bits | (1 << impl), 0) >>> 0);
    const several = (bits) => (bits & (bits - 1)) !== 0;
    this.failing = new Uint8Array(total);
    for (let at = 0; at < total; at++) {
      const j = judged[at], f = failed[at];
      if (!f) continue;
      const disagree = families.some((family) => (f & family) !== 0 && (f & family) !== (j & family));
      this.failing[at] = (several(j) && !several(f) ? 1 : 0) | (several(j) && f === j ? 2 : 0) | (disagree ? 4 : 0);
    }
    return this.failing;
  }

  wordsOf(bits, term) {
    return term.values.some((value) => (bits & { one: 1, all: 2, backends: 4 }[value]) !== 0);
  }

  /* The verdicts of the groups that a term names. */
  members(term) {
    const found = new Set();
    for (const [number, impl, check, cases] of this.groups) {
      if (!term.values.some((value) => Number(value) === number)) continue;
      for (const place of cases) found.add((place * this.checks.length + check) * this.impls.length + impl);
    }
    return found;
  }

  /* Which groups have a verdict that matches, or a consequence in a check. */
  groupsOf(verdicts) {
    const { case: cases, impl: impls } = this.records, width = this.checks.length, matched = new Set(), inCheck = new Set();
    for (let r = 0; r < cases.length; r++) {
      for (let v = this.start[r]; v < this.start[r + 1]; v++) {
        if (!verdicts[v] || !this.deviates[this.outcome[v]]) continue;
        matched.add((cases[r] * width + this.check[v]) * this.impls.length + impls[r]);
        inCheck.add(this.check[v] * this.impls.length + impls[r]);
      }
    }
    const has = ([, impl, check, places, also]) =>
      places.some((c) => matched.has((c * width + check) * this.impls.length + impl)) || also.some((k) => inCheck.has(k * this.impls.length + impl));
    return new Set(this.groups.filter(has).map(([number]) => number));
  }

  /* The first group of those left that explains failures of a check, or of cases with a setting (`name=value`). */
  groupOfCheck(check, impl, left) {
    const of = this.groups.filter(([number, i]) => i === impl && left.has(number));
    return (of.find(([, , k]) => this.checks[k] === check) ?? of.find(([, , , , also]) => also.some((k) => this.checks[k] === check)))?.[0];
  }

  groupOfSetting(setting, impl, left) {
    this.settled ??= this.groups.map(([, , , cases]) => new Set(cases.flatMap((c) => this.namedOf(c).map(([name, value]) => `${name}=${value}`))));
    const of = this.groups.filter(([number, i]) => i === impl && left.has(number));
    return (of.find((group) => this.settled[this.groups.indexOf(group)].has(setting)) ?? of.find(([, , , , also]) => also.length))?.[0];
  }

  /* Counts of outcomes: checks[check][impl][outcome] of cases, and settings["name=value"][impl][outcome]. */
  counts(verdicts) {
    const { case: cases, impl: impls } = this.records, width = this.checks.length, n = this.impls.length, kinds = this.outcomes.length;
    const worst = new Uint8Array(this.cases.id.length * n * width).fill(255), whole = new Uint8Array(this.cases.id.length * n).fill(255);
    for (let r = 0; r < cases.length; r++) {
      const at = cases[r] * n + impls[r];
      for (let v = this.start[r]; v < this.start[r + 1]; v++) {
        if (!verdicts[v]) continue;
        const outcome = this.outcome[v], cell = at * width + this.check[v];
        if (outcome < worst[cell]) worst[cell] = outcome;
        if (outcome < whole[at]) whole[at] = outcome;
      }
    }
    const byCheck = new Map(this.checks.map((check) => [check, new Uint32Array(n * kinds)])), tallies = [...byCheck.values()];
    const bySetting = new Map();
    for (let c = 0; c < this.cases.id.length; c++) {
      let rows = null;
      for (let i = 0; i < n; i++) {
        const at = c * n + i;
        if (whole[at] === 255) continue;
        for (let k = 0; k < width; k++) if (worst[at * width + k] !== 255) tallies[k][i * kinds + worst[at * width + k]]++;
        rows ??= this.rowsOf(c, bySetting, n * kinds);
        for (const row of rows) row[i * kinds + whole[at]]++;
      }
    }
    return { byCheck, bySetting, whole };
  }

  rowsOf(place, table, size) {
    return this.namedOf(place).map(([name, value]) => {
      const key = `${name}=${value}`;
      if (!table.has(key)) table.set(key, new Uint32Array(size));
      return table.get(key);
    });
  }

  /* The rows of the matrix by option to which a case belongs: [name, value]. */
  namedOf(place) {
    const rejection = this.rejections[this.cases.rejection[place]];
    return rejection ? [["rejection", rejection]] : this.settingsOf(place);
  }

  settingsOf(place) {
    const shape = this.shapes[this.configs[this.cases.config[place]][0]];
    return this.ofConfig(this.cases.config[place]).slice(0, 1 + shape[1].length);
  }

  /* How much there is to a case: options away from their defaults count more than sizes. */
  weight(place) {
    const config = this.cases.config[place];
    this.weights ??= [];
    if (this.weights[config] === undefined) {
      const { options, sizes } = this.parts(place);
      this.weights[config] = 100 * options.filter(({ plain }) => !plain).length + sizes.reduce((sum, [, size]) => sum + Number(size), 0);
    }
    return this.weights[config];
  }

  /* The records of a case. */
  recordsOf(place) {
    if (!this.byCase) {
      this.byCase = new Map();
      this.records.case.forEach((c, r) => this.byCase.set(c, [...(this.byCase.get(c) ?? []), r]));
    }
    return this.byCase.get(place) ?? [];
  }
}
