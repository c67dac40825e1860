// The language of filters, as in conformance/results/where.py; both are tested with tests/report/where.json.
"use strict";

const Where = (() => {
  const WORDS = {
    outcome: ["pass", "fail", "error", "crash", "timeout", "known", "fixed", "unsupported", "unspecified", "not-run", "deviation"],
    fails: ["one", "all", "backends"],
    changed: ["regressed", "changed", "fixed", "behaviour-changed", "drifted", "slower", "faster", "not-comparable"],
  };
  const KEYS = ["check", "impl", "outcome", "option", "phase", "mode", "data", "id", "ratio", "fails", "changed", "group"];
  const DEVIATIONS = ["fail", "error", "crash", "timeout"];
  const SETTING = /^([^=!<>]+)(!=|<=|>=|=|<|>)([^]+)$/;
  const RATIO = /^(<=|>=|<|>|=)?([^]+)$/;
  const NUMBER = /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?$/;
  const SPACE = /\s/;
  const COMPARE = {
    "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, ">": (a, b) => a > b, "=": (a, b) => a === b,
  };

  class WhereError extends Error {
    constructor(position, why) { super(why); this.position = position; }
  }

  /* The terms of a query: {key, values, negated, position, end}. Throws WhereError. */
  function parse(query) {
    const terms = [];
    let place = 0;
    while (place < query.length) {
      if (SPACE.test(query[place])) { place++; continue; }
      const read = term(query, place);
      terms.push(read);
      place = read.end;
    }
    return terms;
  }

  function term(query, start) {
    const negated = query[start] === "-";
    const place = start + (negated ? 1 : 0);
    const found = /^([A-Za-z_]+):/.exec(query.slice(place));
    if (!found) {
      const [text, end] = value(query, place, "");
      if (!text) throw new WhereError(start, negated ? "a term is missing after '-'" : "the text is empty");
      return { key: "text", values: [text.toLowerCase()], negated, position: start, end };
    }
    const key = found[1].toLowerCase();
    if (!KEYS.includes(key)) {
      throw new WhereError(place, `there is no key '${found[1]}'; to look for this text, write it in quotation marks; keys: ${KEYS.join(", ")}`);
    }
    const [values, end] = list(query, place + found[0].length, key);
    return { key, values, negated, position: start, end };
  }

  function list(query, place, key) {
    const values = [];
    for (;;) {
      const [text, end] = value(query, place, ",");
      if (!text) throw new WhereError(place, `a value is missing after '${query[place - 1]}'`);
      values.push(checked(place, key, text.toLowerCase()));
      if (query[end] !== ",") return [values, end];
      place = end + 1;
    }
  }

  function value(query, place, ends) {
    let text = "";
    while (place < query.length && !SPACE.test(query[place]) && !(ends && ends.includes(query[place]))) {
      if (query[place] === '"') {
        const close = query.indexOf('"', place + 1);
        if (close < 0) throw new WhereError(place, "the quotation mark is not closed");
        text += query.slice(place + 1, close);
        place = close + 1;
      } else text += query[place++];
    }
    return [text, place];
  }

  function checked(place, key, text) {
    if (key in WORDS) {
      text = text.replaceAll(" ", "-");
      if (!WORDS[key].includes(text)) throw new WhereError(place, `'${text}' is no ${key}; choose from ${WORDS[key].join(", ")}`);
    } else if (key === "option" && !SETTING.test(text)) {
      throw new WhereError(place, `write option:NAME=VALUE (or !=, <, <=, >, >=), not '${text}'`);
    } else if (key === "ratio" && !NUMBER.test((RATIO.exec(text) || ["", "", ""])[2])) {
      throw new WhereError(place, `write a number such as ratio:>0.5, not '${text}'`);
    } else if (key === "group" && !/^[0-9]+$/.test(text)) {
      throw new WhereError(place, `write a number such as group:3, not '${text}'`);
    }
    return text;
  }

  const globs = new Map();
  function like(pattern, text) {
    if (!globs.has(pattern)) {
      const parts = [...pattern].map((c) => (c === "*" ? "[^]*" : c === "?" ? "[^]" : c.replace(/[\\^$.|+()[\]{}/]/, "\\$&")));
      globs.set(pattern, new RegExp("^" + parts.join("") + "$", "u"));
    }
    return globs.get(pattern).test(text.toLowerCase());
  }

  const MATCH = {
    text: (value, item) => words(item).includes(value),
    check: (value, item) => like(value, item.check || ""),
    impl: (value, item) => like(value, item.impl || ""),
    outcome: (value, item) => (value === "deviation" ? DEVIATIONS.includes(item.outcome) : item.outcome.replaceAll(" ", "-") === value),
    option: (value, item) => {
      const [, name, sign, wanted] = SETTING.exec(value);
      const known = Object.keys(item.settings || {}).find((key) => key.toLowerCase() === name);
      if (known === undefined) return false;
      const has = String(item.settings[known]).toLowerCase();
      if (sign === "=" || sign === "!=") return like(wanted, has) === (sign === "=");
      return NUMBER.test(has) && NUMBER.test(wanted) && COMPARE[sign](Number(has), Number(wanted));
    },
    phase: (value, item) => like(value, item.phase || ""),
    mode: (value, item) => like(value, item.mode || ""),
    data: (value, item) => like(value, item.data || ""),
    id: (value, item) => (item.id || "").toLowerCase().startsWith(value),
    ratio: (value, item) => typeof item.ratio === "number" && limits({ values: [value] })(item.ratio),
    fails: (value, item) => (item.fails || []).includes(value),
    changed: (value, item) => (item.changed || []).some((kind) => kind.replaceAll(" ", "-") === value),
    group: (value, item) => (item.groups || []).includes(Number(value)),
  };

  /* A test of numbers by a term of ratios, read once; what is not a number has none. */
  function limits(term) {
    const tests = term.values.map((value) => {
      const [, sign, wanted] = RATIO.exec(value);
      return [COMPARE[sign || "="], Number(wanted)];
    });
    return (ratio) => !Number.isNaN(ratio) && tests.some(([compare, wanted]) => compare(ratio, wanted));
  }

  function words(item) {
    const settings = Object.entries(item.settings || {}).map(([name, value]) => `${name}=${value}`);
    const parts = [item.id, item.impl, item.check, item.outcome, item.phase, item.mode, item.data, ...settings, item.message];
    return parts.map((part) => part || "").join("\n").toLowerCase();
  }

  const any = (term, item) => term.values.some((value) => MATCH[term.key](value, item));
  const holds = (terms, item) => terms.every((term) => any(term, item) !== term.negated);

  /* A term as it is written, in quotation marks where that is needed. */
  const spell = (key, text) => `${key}:${/^[^\s,"]+$/.test(text) ? text : `"${text.replaceAll('"', "?")}"`}`;

  return { KEYS, WORDS, DEVIATIONS, parse, holds, any, like, limits, spell, WhereError };
})();
