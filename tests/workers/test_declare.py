"""What workers declare is what they give, seen without the judge on configurations where declaring differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from driving import FRAMEWORKS, QUICK, arrays, ask, build, call, config, fake, framework, results, some_tensors

from conformance.engine.answers import PROTOCOL, NonsenseError, checked
from conformance.engine.worker import Limits, Worker
from conformance.spec import LayerConfig

CONFIGS = {
    "keras": [
        config(layer="simple_rnn"),
        config(layer="lstm", return_sequences=True, return_state=True, initial_state=True, dtype="float64"),
        config(layer="gru", bidirectional=True, merge_mode="None", return_sequences=True, mask="right"),
        config(layer="gru", bidirectional=True, merge_mode="concat", return_state=True),
    ],
    "torch": [
        config("torch", "lstm", proj_size=1, bidirectional=True, num_layers=2, hx=True, dtype="float64"),
        config("torch", "gru", batch_first=True),
    ],
}
UNKNOWN = "unknown"

KNOWN = "stateful_symbolic"
"""In Keras, not with return_state=True in two directions: specs/deviations/keras_stateful_bidirectional_mask.py."""


def declarations(worker: Worker, wanted: LayerConfig) -> Iterator[tuple[str, Any, Any]]:
    """For every way to declare outputs of a configuration: its name, what was declared, and the answer of the call."""
    ways = ask(worker, {"op": "hello"}).header["capabilities"]["declares"]
    given = arrays(some_tensors(wanted))
    asked = {name: array for name, array in given.items() if not name.startswith("weights.")}
    ask(worker, build(1, wanted))
    answer = ask(worker, call(1), given)
    for name, way in ways.items():
        if way["of"] == "outputs" and all(wanted.get(o) in values for o, values in way.get("needs", {}).items()):
            yield name, ask(worker, {"op": "declare", "handle": 1, "way": name}, asked).header, answer


def told(worker: Worker, wanted: LayerConfig) -> None:
    seen = list(declarations(worker, wanted))
    assert seen, "there must be a way to declare outputs"
    for name, declared, answer in seen:
        outputs = results(answer)
        if name == KNOWN and wanted.bidirectional and wanted.get("return_state"):
            assert "generator" in declared["error"]["message"]
            continue
        assert declared["structure"] == answer.header["structure"], name
        for said, output in zip(declared["declared"], outputs, strict=True):
            assert said["dtype"] in (None, output.dtype.name), name
            known = [size is not None for size in said["shape"]]
            assert all(known) or UNKNOWN in name
            assert [size for size in said["shape"] if size is not None] == [
                size for size, is_known in zip(output.shape, known, strict=True) if is_known
            ], name


@pytest.mark.parametrize("dialect", ["keras", "torch"])
def test_the_honest_implementation_declares_what_it_gives(dialect: str) -> None:
    with Worker(fake("numpy_layers.py", dialect), QUICK) as worker:
        worker.start()
        for wanted in CONFIGS[dialect]:
            told(worker, wanted)


@pytest.mark.framework
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_frameworks_declare_what_they_give(name: str) -> None:
    with Worker(framework(name), Limits()) as worker:
        worker.start()
        for wanted in CONFIGS[name.split(":")[0]]:
            told(worker, wanted)


@pytest.mark.parametrize(
    "fields",
    [
        {"structure": 0},
        {"structure": 0, "declared": [{"dtype": "float32"}]},
        {"structure": 0, "declared": [{"shape": [-1]}]},
        {"structure": 0, "declared": [{"shape": [True]}]},
        {"structure": 1, "declared": [{"shape": [2]}]},
        {"structure": 0, "declared": [{"shape": [2], "dtype": 3}]},
    ],
)
def test_a_declaration_of_another_form_is_nonsense(fields: dict[str, Any]) -> None:
    with pytest.raises(NonsenseError):
        checked(1, "declare", {"id": 1, "ok": True, **fields}, {})


@pytest.mark.parametrize(
    "way",
    [
        {},
        {"of": "weights"},
        {"of": "outputs", "unknown": ["features"]},
        {"of": "outputs", "unknown": "batch"},
        {"of": "outputs", "needs": {"unroll": False}},
    ],
)
def test_a_way_to_declare_of_another_form_is_nonsense(way: dict[str, Any]) -> None:
    said = {"layers": ["gru"], "modes": ["eager"], "options": {}, "declares": {"shapes": way}}
    hello = {"id": 1, "ok": True, "protocol": PROTOCOL, "dialect": "keras", "capabilities": said}
    with pytest.raises(NonsenseError, match="declares"):
        checked(1, "hello", hello, {})
