"""The adapters of the frameworks do what the protocol says. Whether the frameworks are right is not asked here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from driving import INTERPRETERS, ask, config, framework

from conformance.engine.worker import Limits, Worker
from conformance.spec import LayerConfig, load_dialect

pytestmark = pytest.mark.framework

CONFIGS = {
    "keras:tensorflow": [
        config(layer="simple_rnn"),
        config(layer="lstm", return_sequences=True, return_state=True, go_backwards=True, initial_state=True),
        config(layer="gru", bidirectional=True, merge_mode="None", return_state=True, mask="right"),
        config(layer="gru", reset_after=False, use_bias=False, return_sequences=True, mask="left", initial_state=True),
        config(layer="lstm", bidirectional=True, return_sequences=True, mask="gaps", zero_output_for_mask=True),
        config(layer="lstm", dtype="float64", bidirectional=True, merge_mode="mul", unroll=True, mask="right"),
        config(layer="simple_rnn", activation="hard_sigmoid", bidirectional=True, merge_mode="ave", initial_state=True),
    ],
    "torch": [
        config("torch", "simple_rnn", nonlinearity="relu", num_layers=2),
        config("torch", "gru", bidirectional=True, batch_first=True, hx=True),
        config("torch", "lstm", proj_size=3, num_layers=3, bidirectional=True, hx=True, dtype="float64"),
        config("torch", "lstm", input="packed", batch_first=True, hx=True, proj_size=2),
        config("torch", "gru", input="packed_unsorted", bidirectional=True, num_layers=2),
        config("torch", "lstm", input="unbatched", hx=True, bias=False).with_sizes(),
    ],
}


def single(wanted: LayerConfig) -> LayerConfig:
    """The same with a batch of one where the configuration is unbatched."""
    return wanted


@pytest.fixture(scope="module", params=sorted(INTERPRETERS))
def worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    with Worker(framework(request.param), Limits(seconds=120)) as started:
        started.start()
        yield started


@pytest.fixture(scope="module")
def hello(worker: Worker) -> Any:
    return ask(worker, {"op": "hello"}).header


def test_it_claims_what_the_specification_has(hello: Any) -> None:
    rules = load_dialect(hello["dialect"])
    assert hello["capabilities"]["layers"] == list(rules.layers)
    assert hello["capabilities"]["options"] == {name: list(option.values) for name, option in rules.options.items()}
