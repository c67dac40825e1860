"""One line tells an author whether a layer is right, and if not, every cause at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import authored
import numpy as np
import pytest
from tiny import TINY

import conformance
from conformance import DeviationError, check_layer
from conformance.authors import parse_case, spell_case
from conformance.engine.events import DEVIATIONS
from conformance.errors import ConformanceError, SpecError
from conformance.generate.phases import PROFILES, plan
from conformance.results import Results
from conformance.spec import load_dialect


def check(implementation: Any, dialect: str = "keras", layer: str = "lstm", **asked: Any) -> Results:
    return check_layer(implementation, dialect=dialect, layer=layer, **{"profile": TINY, "seed": 1, **asked})


def judged(results: Results, check: str) -> int:
    return sum(check in case.outcomes and case.outcomes[check].outcome == "pass" for case in results.cases)


@pytest.mark.parametrize("right", [authored.RightLSTM, authored.OwnWeights, authored.Strict])
def test_a_right_layer_passes(right: type) -> None:
    results = check(right)
    assert results.groups == ()
    assert judged(results, "values") > 20
    assert all(case.case["config"]["layer"] == "lstm" for case in results.cases)


def test_a_right_layer_passes_the_quick_profile() -> None:
    results = check_layer(authored.RightLSTM, dialect="keras", layer="lstm")
    assert judged(results, "values") > 700
    assert results.header.profile == "quick"


def test_a_torch_layer_with_packed_sequences() -> None:
    results = check(authored.TorchRNN, "torch", "simple_rnn")
    packed = [c for c in results.cases if c.case["config"]["options"]["input"] == "packed_unsorted"]
    assert any(case.outcomes["values"].outcome == "pass" for case in packed)


def test_a_function_will_do() -> None:
    results = check(authored.simple_rnn, layer="simple_rnn", options={})
    assert judged(results, "values") > 10


@pytest.mark.parametrize(
    ("wrong", "fails", "when", "looks_like"),
    [
        (authored.SwappedGates, "values", (), "the gate blocks i, f, g, o are read as i, f, o, g"),
        (authored.IgnoresMask, "values", ("mask!=none",), "the mask is ignored"),
        (authored.ReturnsList, "structure", ("return_state=True",), None),
        (authored.KeepsBuffer, "earlier_results", ("return_state=False",), None),
        (authored.ScalesInput, "inputs_unchanged", (), None),
        (authored.NoForgetBias, "initial_weights", (), None),
    ],
)
def test_a_wrong_layer_is_told_its_cause(wrong: type, fails: str, when: tuple[str, ...], looks_like: str) -> None:
    with pytest.raises(DeviationError) as caught:
        check(wrong)
    (group,) = caught.value.results.groups
    assert (group.check, group.when[1:], group.looks_like) == (fails, when, looks_like)
    for part in (wrong.__name__, fails, looks_like or "", "smallest case  LSTM"):
        assert part in str(caught.value)


def test_all_causes_are_told_at_once() -> None:
    class TwiceWrong(authored.ReturnsList, authored.IgnoresMask):
        pass

    with pytest.raises(AssertionError) as caught:
        check(TwiceWrong)
    assert isinstance(caught.value, DeviationError)
    assert {group.check for group in caught.value.results.groups} == {"structure", "values"}
    assert "the mask is ignored" in str(caught.value)
    assert "expected (output, h, c)" in str(caught.value)


def test_results_instead_of_an_error() -> None:
    results = check(authored.IgnoresMask, raise_errors=False)
    assert [group.check for group in results.groups] == ["values"]


def test_an_ignored_mask_is_one_cause_whatever_the_seed() -> None:
    """With this one, padding is tried on rows that are masked as a whole, whose values are left open."""
    (group,) = check(authored.IgnoresMask, raise_errors=False, seed=0).groups
    assert (group.check, group.looks_like) == ("values", "the mask is ignored")
    assert "padding" in group.also


def test_what_an_ignored_mask_does_not_explain_is_a_failure_of_its_own() -> None:
    class Worse(authored.IgnoresMask):
        def __call__(self, x: Any, mask: Any = None, initial_state: Any = None) -> Any:
            result = super().__call__(x, mask, initial_state)
            for array in result if isinstance(result, tuple) else (result,):
                array[[] if mask is None else ~mask.any(axis=1)] *= 2
            return result

    groups = check(Worse, raise_errors=False, seed=0).groups
    assert {"values", "padding"} <= {group.check for group in groups}
    assert not any("padding" in group.also for group in groups)


def test_the_line_to_replay_can_be_run() -> None:
    with pytest.raises(DeviationError) as caught:
        check(authored.IgnoresMask)
    (line,) = [text for text in str(caught.value).splitlines() if text.strip().startswith("replay")]
    with pytest.raises(DeviationError) as again:
        eval(line.partition("replay")[2], vars(authored) | {"check_layer": check_layer})  # noqa: S307
    (case,) = again.value.results.cases
    assert case.id == caught.value.results.groups[0].smallest_id


def test_a_replayed_case_that_passes_raises_nothing() -> None:
    results = check(authored.RightLSTM, case="mask=gaps batch=2 timesteps=4 features=1 units=3 data=generic:7")
    assert [case.outcomes["values"].outcome for case in results.cases] == ["pass"]


@pytest.mark.parametrize("dialect", ["keras", "torch"])
def test_every_case_survives_being_spelled(dialect: str) -> None:
    cases = [case for batch in plan(load_dialect(dialect), PROFILES["quick"], 3) for case in batch.cases]
    assert all(parse_case(dialect, case.config.layer, spell_case(case)) == case for case in cases)


@pytest.mark.parametrize("right", [authored.RightLSTM, authored.OneByOne])
def test_a_process_of_its_own_gives_the_same(right: type) -> None:
    here, there = check(right), check(right, isolate=True)
    assert [case.outcomes for case in here.cases] == [case.outcomes for case in there.cases]


def test_a_process_of_its_own_survives_a_crash_and_a_hang() -> None:
    case = "batch=1 timesteps=1 features=1 units=1 data=generic:1"
    with pytest.raises(DeviationError, match="the process died with exit status 7"):
        check(Crashes, isolate=True, case=case)
    with pytest.raises(DeviationError, match="no answer within 2 s"):
        check(Hangs, isolate=True, timeout=2, case=case)


class Crashes(authored.RightLSTM):
    def __call__(self, x: Any, mask: Any = None, initial_state: Any = None) -> Any:
        if len(x) == 1:
            os._exit(7)
        return super().__call__(x, mask, initial_state)


class Hangs(authored.RightLSTM):
    def __call__(self, x: Any, mask: Any = None, initial_state: Any = None) -> Any:
        while len(x) == 1:
            time.sleep(1)
        return super().__call__(x, mask, initial_state)


def test_no_floating_point_warning_disturbs_a_strict_test_run() -> None:
    with np.errstate(all="raise"):
        check(authored.RightLSTM)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"dialect": "onnx"}, "unknown dialect 'onnx'"),
        ({"layer": "lstn"}, "no layer 'lstn'"),
        ({"profile": "slow"}, "unknown profile 'slow'"),
        ({"case": "units=3"}, "does not give sizes and data"),
        ({"case": "mask=up batch=1 timesteps=1 features=1 units=1 data=generic:1"}, "mask=up is no option"),
    ],
)
def test_wrong_arguments_are_one_line(asked: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint) as caught:
        check(authored.RightLSTM, **asked)
    assert "\n" not in str(caught.value)


def test_a_local_class_cannot_be_isolated() -> None:
    class Local(authored.RightLSTM):
        pass

    with pytest.raises(ConformanceError, match="Local: isolate=True needs a class or function at the top of a module"):
        check(Local, isolate=True)


def test_importing_the_package_is_light_and_needs_no_pytest() -> None:
    program = (
        "import sys; import conformance; assert 'numpy' not in sys.modules; sys.modules['pytest'] = None\n"
        "from conformance import check_layer, parametrize_with_checks\n"
        "try: parametrize_with_checks(print, dialect='keras', layer='lstm')\n"
        "except Exception as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "parametrize_with_checks needs pytest; check_layer works without it"


def test_the_package_offers_what_it_names() -> None:
    assert all(getattr(conformance, name) is not None for name in conformance.__all__)
    with pytest.raises(AttributeError, match="no attribute 'check_layers'"):
        _ = conformance.check_layers
    assert set(DEVIATIONS) == {"fail", "error", "crash", "timeout"}
