"""What is not claimed is unsupported, with its denominator; what is claimed and not honoured fails."""

from __future__ import annotations

from collections import Counter
from typing import Any

import authored
import pytest
from tiny import TINY

from conformance import DeviationError, check_layer
from conformance.errors import BrokenImplementationError, ConformanceError
from conformance.results import Results


def check(implementation: Any, **asked: Any) -> Results:
    return check_layer(implementation, **{"dialect": "keras", "layer": "lstm", "profile": TINY, **asked})


def outcomes(results: Results, check: str) -> Counter[str]:
    return Counter(case.outcomes[check].outcome for case in results.cases if check in case.outcomes)


def configs(results: Results, outcome: str) -> list[dict[str, Any]]:
    return [case.case["config"] for case in results.cases if case.outcomes.get("accepted", NONE).outcome == outcome]


class NONE:
    outcome = "none"


def test_one_sequence_at_a_time_no_mask_single_precision() -> None:
    results = check(authored.OneByOne)
    passed, unsupported = configs(results, "pass"), configs(results, "unsupported")
    assert len(passed) > 20
    assert {config["sizes"]["batch"] for config in passed} == {1}
    assert {(config["options"]["dtype"], config["options"]["mask"]) for config in passed} == {("float32", "none")}
    assert any(config["options"]["mask"] != "none" for config in unsupported)
    assert outcomes(results, "values")["unsupported"] == len(unsupported)


def test_an_unsupported_case_says_what_is_missing() -> None:
    results = check(authored.OneByOne)
    said = {verdict.message for case in results.cases for verdict in case.outcomes.values() if verdict.message}
    assert {"does not claim bidirectional=True", "does not claim rejections"} <= said


def test_keywords_take_the_place_of_attributes() -> None:
    results = check(authored.RightLSTM, dtypes=["float64"], sizes={"units": [4, 8]})
    passed = configs(results, "pass")
    assert {config["options"]["dtype"] for config in passed} == {"float64"}
    assert {config["sizes"]["units"] for config in passed} <= {3, 4, 8}  # 3: the worked example


def test_a_claim_that_is_not_honoured_fails() -> None:
    with pytest.raises(DeviationError, match="one sequence of float32 is all that works"):
        check(authored.OneByOne, dtypes=["float32", "float64"])
    with pytest.raises(DeviationError, match="unexpected keyword argument 'mask'"):
        check(authored.OneByOne, options={"mask": ["none", "right"]})
    with pytest.raises(DeviationError, match="accepted an unknown activation name"):
        check(authored.RightLSTM, rejections=True)


def test_who_claims_nothing_is_held_to_everything_that_the_signature_takes() -> None:
    class Bare:
        def __init__(self, config: dict[str, Any], weights: list[Any]) -> None:
            self.layer = authored.RightLSTM({**config}, weights)

        def __call__(self, x: Any, initial_state: Any = None) -> Any:
            return self.layer(x, None, initial_state)

    results = check(Bare, raise_errors=False)
    (said,) = results.implementations
    assert said.capabilities["options"]["mask"] == ["none"]
    assert said.capabilities["options"]["initial_state"] == [False, True]
    assert said.capabilities["options"]["bidirectional"] == [False, True]
    assert any("bidirectional=True" in group.when for group in results.groups)


def test_several_kinds_of_layer_in_one_class() -> None:
    class Both:
        def __init__(self, config: dict[str, Any], weights: list[Any]) -> None:
            self.config, self.weights = config, weights

        def __call__(self, x: Any) -> Any:
            if self.config["layer"] == "simple_rnn":
                return authored.simple_rnn(self.config, self.weights, x)
            return authored.RightLSTM(self.config, self.weights)(x)

    for layer in ("simple_rnn", "lstm"):
        assert outcomes(check(Both, layer=layer, options={}), "values")["pass"]


@pytest.mark.parametrize(
    ("claims", "complaint"),
    [
        ({"options": {"msk": ["right"]}}, "its options name 'msk'; there are dtype, bidirectional"),
        ({"options": {"mask": ["up"]}}, "it claims mask='up'; the values of mask are 'none', 'right'"),
        ({"options": {"unroll": [1]}}, "it claims unroll=1; the values of unroll are False, True"),
        ({"options": {"mask": "right"}}, "it claims mask='right'; a list of values is meant"),
        ({"options": 7}, "its options are int, not a dictionary of lists"),
        ({"dtypes": ["half"]}, "it claims dtype='half'"),
        ({"sizes": {"hidden": [3]}}, "its sizes name 'hidden'; there are batch, timesteps, features, units"),
        ({"sizes": {"units": [0]}}, "sizes are whole numbers from 1"),
        ({"capability": 3}, "there is no claim 'capability'; there are layers, options"),
        ({"initial_weights": True}, "it claims initial_weights, but has no get_weights"),
    ],
)
def test_a_claim_that_makes_no_sense_is_one_line(claims: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BrokenImplementationError) as caught:
        check(authored.RightLSTM, **claims)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("RightLSTM: ")
    assert "\n" not in str(caught.value)


def test_when_nothing_can_be_judged_that_is_an_error() -> None:
    with pytest.raises(ConformanceError, match="RightLSTM: nothing could be judged: does not claim"):
        check(authored.RightLSTM, options={"use_bias": []}, dtypes=["float32"])
