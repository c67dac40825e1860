"""A worker without a process behaves as one with a process does."""

from __future__ import annotations

from typing import Any

import authored
import numpy as np
import pytest
from driving import arrays, build, call, config, some_tensors

from conformance.adapters.python_layers import PythonLayers
from conformance.engine.local import Local, LocalWorker
from conformance.errors import BrokenImplementationError
from conformance.generate.phases import Batch, batch, resized
from conformance.spec import LayerConfig, Sizes


def started(implementation: Any, dialect: str = "keras", layer: str = "lstm") -> LocalWorker:
    worker = LocalWorker(Local("mine", (), load=lambda: PythonLayers(implementation, dialect, {"layers": [layer]})))
    worker.start()
    return worker


def test_requests_are_answered_in_order() -> None:
    worker, wanted = started(authored.OwnWeights), config()
    first = worker.send(build(1, wanted))
    second = worker.send(call(1), arrays(some_tensors(wanted)))
    assert [worker.receive().header["id"], worker.receive().header["id"]] == [first, second]


def test_a_layer_without_weights_of_its_own_answers_none() -> None:
    worker = started(authored.RightLSTM)
    worker.send(build(1, config()))
    answer = worker.receive()
    assert answer.header["ok"]
    assert "weights" not in answer.header
    assert answer.arrays == {}


def test_what_the_layer_does_to_its_input_stays_on_its_side() -> None:
    worker, wanted = started(authored.ScalesInput), config()
    given = arrays(some_tensors(wanted))
    before = given["x"].copy()
    for request, sent in [(build(1, wanted), {}), (call(1, keep=True), given), ({"op": "recall", "handle": 1}, {})]:
        worker.send(request, sent)
        answer = worker.receive()
    np.testing.assert_array_equal(given["x"], before)
    np.testing.assert_array_equal(answer.arrays["x"], 2 * before)


def test_an_output_is_given_with_its_type_and_shape() -> None:
    def layer(config: Any, weights: Any, x: Any) -> Any:
        return np.zeros((1, 0, 3), np.float16)

    worker, wanted = started(layer), config()
    worker.send(build(1, wanted))
    worker.receive()
    worker.send(call(1), arrays(some_tensors(wanted)))
    output = worker.receive().arrays["outputs.0"]
    assert (output.shape, output.dtype.name) == ((1, 0, 3), "float16")


def test_nothing_is_under_way_after_a_restart() -> None:
    worker = started(authored.RightLSTM)
    worker.send(build(1, config()))
    worker.restart()
    with pytest.raises(RuntimeError, match="no request is under way"):
        worker.receive()


def test_what_cannot_be_loaded_is_broken() -> None:
    with pytest.raises(BrokenImplementationError, match="mine: TypeError: it is int, neither a class nor a function"):
        started(7)


def test_what_is_not_claimed_is_never_tried() -> None:
    worker = started(authored.OneByOne)
    for wanted in (config(mask="right"), config(), config(layer="gru")):
        worker.send(build(1, wanted))
        assert worker.receive().header["error"]["message"].startswith("it does not claim ")


# ---------------------------------------------------------------- sizes that are claimed


def covering(**options: Any) -> Batch:
    return batch("covering", LayerConfig.of("keras", "lstm", options, Sizes(4, 5, 3, 6)), 3, 0)


@pytest.mark.parametrize(
    ("claimed", "sizes"),
    [
        ({}, Sizes(4, 5, 3, 6)),
        ({"batch": (1,)}, Sizes(1, 5, 3, 6)),
        ({"units": (5, 8), "timesteps": (16, 64)}, Sizes(4, 16, 3, 5)),
        ({"units": (4, 8)}, Sizes(4, 5, 3, 4)),
    ],
)
def test_a_planned_batch_gets_the_nearest_claimed_sizes(claimed: dict[str, tuple[int, ...]], sizes: Sizes) -> None:
    planned = covering()
    got = resized(planned, claimed)
    assert got.config.sizes == sizes
    assert got.config.options == planned.config.options
    assert {case.config for case in got.cases} == {got.config}
    assert [case.data for case in got.cases] == [case.data for case in planned.cases]


def test_sizes_that_an_option_forbids_leave_the_batch_as_it_is() -> None:
    planned = covering(mask="gaps")
    assert resized(planned, {"timesteps": (1,)}) == planned


def test_pinned_cases_keep_their_sizes() -> None:
    planned = batch("pinned", covering().config, 1, 0)
    assert resized(planned, {"batch": (1,)}) == planned
