"""Declared deviations: what is known does not fail, what is not still does, and a wrong declaration is one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.checks import Verdict, joined
from conformance.engine.conditions import OF_MASKS, Larger, Literal, Multiple, Within
from conformance.engine.declarations import read_deviations
from conformance.engine.deviations import Deviation, condition, declared, is_known
from conformance.errors import ResultsError
from conformance.spec import Case, DataSpec, LayerConfig, Sizes

LSTM = Case(LayerConfig.of("keras", "lstm", {}, Sizes(2, 3, 4, 5)), DataSpec("generic", 1))
GRU = Case(LayerConfig.of("keras", "gru", {}, Sizes(2, 3, 4, 5)), DataSpec("generic", 1))
WRONG = Verdict("fail", "wrong", 9.0, cause="wrong values")

KNOWN = Deviation("gates", "torch", "values", (condition("layer=lstm"),), {"torch": ">=2.10,<2.14"}, "why", "", LSTM)


def outcome(check: str, verdict: Verdict, case: Case = LSTM, known: Deviation = KNOWN) -> Verdict:
    """What becomes of a verdict."""
    return declared([known], case, "eager", {check: verdict})[check]


# ---------------------------------------------------------------- what is known


@pytest.mark.parametrize("bad", ["fail", "error", "crash", "timeout"])
def test_a_failure_that_is_declared_is_known_and_keeps_its_numbers(bad: str) -> None:
    verdict = outcome("values", replace(WRONG, outcome=bad))  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.message, verdict.ratio) == ("known", "gates: why", 9.0)


def test_a_failure_elsewhere_is_not_known() -> None:
    assert outcome("values", WRONG, GRU).outcome == "fail"
    assert outcome("dtype", WRONG).outcome == "fail"


def test_another_cause_is_not_known_where_one_is_declared() -> None:
    known = replace(KNOWN, cause="wrong values")
    assert outcome("values", WRONG, known=known).outcome == "known"
    assert outcome("values", replace(WRONG, cause="not finite"), known=known).outcome == "fail"


def test_of_several_routes_each_is_known_or_not_by_itself() -> None:
    parts = [Verdict("error", f"{route} raises", cause=f"{route}: call") for route in ("a", "b")]
    of_a, of_b = (replace(KNOWN, id=route, check="routes", cause=f"{route}: *") for route in ("a", "b"))
    one = declared([of_a], LSTM, "eager", {"routes": joined(parts)})["routes"]
    assert (one.outcome, one.message, one.cause) == ("error", "b raises", "b: call")
    assert one.told == "b raises; also a: why"
    assert is_known(one, "a")
    assert not is_known(one, "b")
    both = declared([of_a, of_b], LSTM, "eager", {"routes": joined(parts)})["routes"]
    assert (both.outcome, both.told) == ("known", "a: why; also b: why")
    assert is_known(both, "a")
    assert is_known(both, "b")


def test_a_law_that_fails_because_of_it_is_known_too() -> None:
    assert outcome("history", WRONG).outcome == "known"
    assert outcome("history", WRONG, GRU).outcome == "fail"


def test_what_is_declared_of_a_law_itself_comes_before_what_is_declared_of_values() -> None:
    of_law = replace(KNOWN, id="of_law", check="history")
    assert declared([KNOWN, of_law], LSTM, "eager", {"history": WRONG})["history"].message == "of_law: why"


def test_only_the_witness_can_tell_that_it_is_fixed() -> None:
    assert outcome("values", Verdict("pass")).outcome == "fixed"
    other = replace(LSTM, data=DataSpec("generic", 2))
    assert outcome("values", Verdict("pass"), other).outcome == "pass"
    assert outcome("shape", Verdict("pass")).outcome == "pass"


def test_what_says_nothing_stays_as_it_is() -> None:
    for silent in (Verdict("not run"), Verdict("unsupported"), Verdict("unspecified")):
        assert outcome("values", silent) == silent


# ---------------------------------------------------------------- versions


@pytest.mark.parametrize(
    ("version", "limits", "within"),
    [
        ("2.13.0+cpu", ">=2.10,<2.14", True),
        ("2.9.1", ">=2.10", False),
        ("2.14", "<2.14.0", False),
        ("3.10.0rc1", "==3.10", True),
        ("3.1", "!=3.1.0", False),
        ("3.2", ">3.1, <=3.2", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, limits: str, within: bool) -> None:
    known = replace(KNOWN, versions={"torch": limits})
    assert known.concerns("torch", {"torch": version}) is within


def test_another_implementation_or_an_unknown_version_is_not_concerned() -> None:
    assert not KNOWN.concerns("keras:torch", {"torch": "2.13.0"})
    assert not KNOWN.concerns("torch", {})
    assert replace(KNOWN, versions={}).concerns("torch", {})


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    "known",
    [
        Literal("layer", ("lstm",), "layer=lstm"),
        Literal("bidirectional", (True,), "bidirectional=True"),
        Within("units", 1, 1),
        Within("timesteps", 2),
        Within("batch", 1, 4),
        Multiple("units", 4, wanted=False),
        Larger("units", "features"),
        *(Literal(name, (True,), name) for name in OF_MASKS),
    ],
    ids=lambda known: known.text,
)
def test_every_condition_of_a_group_can_be_read_back(known: object) -> None:
    assert condition(known.text) == known  # type: ignore[attr-defined]


def test_all_values_but_one_are_read_as_the_others() -> None:
    kept = condition("mask!=none")
    assert isinstance(kept, Literal)
    assert "none" not in kept.values
    assert {"right", "gaps"} <= set(kept.values)
    assert condition("layer=lstm|gru") == Literal("layer", ("lstm", "gru"), "layer=lstm|gru")


# ---------------------------------------------------------------- files


GOOD = f"""
[[deviation]]
id = "one"
implementation = "torch"
check = "values"
when = ["layer=lstm", "units>1"]
versions = {{ torch = "<3" }}
reason = "it is so"
witness = '{json.dumps(LSTM.canonical())}'

[[deviation]]
id = "two"
implementation = "torch"
check = "dtype"
when = []
reason = "it is so"
"""


def read(path: Path, text: str) -> tuple[Deviation, ...]:
    file = path / "known.toml"
    file.write_text(text, encoding="utf-8")
    return read_deviations(file)


def test_a_file_is_read(tmp_path: Path) -> None:
    one, two = read(tmp_path, GOOD)
    assert (one.id, one.witness, one.versions) == ("one", LSTM, {"torch": "<3"})
    assert [condition.text for condition in one.when] == ["layer=lstm", "units>1"]
    assert (two.witness, two.when) == (None, ())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"units>1"',
            '"colour=red"',
            r"line 6, column 24: deviation one: 'colour=red': no dialect has an option 'colour'",
        ),
        (
            '"units>1"',
            '"mask=diagonal"',
            r"line 6, column 24: deviation one: 'mask=diagonal': 'diagonal' is no value of",
        ),
        ('"units>1"', '"units>many"', r"'units>many': a size is compared with a number, by =, > or <"),
        ('"units>1"', '"mask>none"', r"'mask>none': an option is compared by = or !="),
        ('"units>1"', '"never"', r"'never' is no condition; write one such as layer=lstm"),
        ('"units>1"', "7", r"line 6, column 1: deviation one: when is missing or no list of texts"),
        ('"<3"', '"~3"', r"line 7, column 23: deviation one: '~3' is no range of versions; write one such as"),
        ('"<3"', "3", r"versions is no table of texts"),
        ('reason = "it', 'because = "it', r"deviation one: 'because' is no entry of a deviation"),
        ('check = "values"', "check = 1", r"check is missing or no text"),
        ('id = "two"', 'id = "one"', r"line 12, column 7: 'one': two deviations have this id; name them differently"),
        ("[[deviation]]\nid", "[[deviation]\nid", r"known.toml: not TOML: .*line 2"),
        ("[[deviation]]", "[[other]]", r"write \[\[deviation\]\] tables and nothing else"),
        ('"lstm"', '"lstn"', r"deviation one: "),
        (
            "witness = '{",
            "witness = '",
            r"line 9, column 1: deviation one: witness is not JSON; copy the canonical form",
        ),
        (
            '"generic"',
            '"genuine"',
            r"line 9, column 1: deviation one: witness: unknown kind of data 'genuine'; choose one",
        ),
        ('"seed": 1', '"seed": "1"', r"witness: data of a case are a kind \(a text\) and a seed \(a whole number\)"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ResultsError, match=message) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"cannot read .*nowhere: No such file"):
        read_deviations(tmp_path / "nowhere")
