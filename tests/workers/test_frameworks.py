"""The adapters of the frameworks do what the protocol says.

Whether the frameworks are right is not asked here; that they agree with the NumPy implementation shows that options,
weights, masks and states reach the layer as they should.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import FRAMEWORKS, QUICK, SIZES, arrays, ask, build, call, config, fake, framework, results, some_tensors

from conformance.engine.implementations import Launch
from conformance.engine.worker import Limits, Worker
from conformance.errors import BrokenImplementationError
from conformance.spec import LayerConfig, Sizes, load_dialect, structure, weights

pytestmark = pytest.mark.framework

ONE = Sizes(batch=1, timesteps=4, features=3, units=5)
CONFIGS = {
    "keras": [
        config(layer="simple_rnn"),
        config(layer="lstm", return_sequences=True, return_state=True, go_backwards=True, initial_state=True),
        config(layer="lstm", unit_forget_bias=False, recurrent_activation="hard_sigmoid", unroll=True),
        config(layer="gru", bidirectional=True, merge_mode="None", return_state=True, mask="right"),
        config(layer="gru", reset_after=False, use_bias=False, return_sequences=True, mask="left", initial_state=True),
        config(layer="lstm", bidirectional=True, return_sequences=True, mask="gaps", zero_output_for_mask=True),
        config(layer="lstm", dtype="float64", bidirectional=True, merge_mode="mul", unroll=True),
        config(layer="simple_rnn", activation="relu", bidirectional=True, merge_mode="ave", initial_state=True),
    ],
    "torch": [
        config("torch", "simple_rnn", nonlinearity="relu", num_layers=2),
        config("torch", "gru", bidirectional=True, batch_first=True, hx=True),
        config("torch", "lstm", proj_size=3, num_layers=3, bidirectional=True, hx=True, dtype="float64"),
        config("torch", "lstm", input="packed", batch_first=True, hx=True, proj_size=2),
        config("torch", "gru", input="packed_unsorted", bidirectional=True, num_layers=2),
        config("torch", "lstm", sizes=ONE, input="unbatched", hx=True, bias=False),
    ],
}
MODES = {
    "keras:tensorflow": ("eager", "graph"),
    "keras:torch": ("eager",),
    "keras:jax": ("eager", "graph"),
    "torch": ("eager",),
}
EACH = [(name, mode, wanted) for name in MODES for mode in MODES[name] for wanted in CONFIGS[name.split(":")[0]]]


@pytest.fixture(scope="module")
def workers() -> Iterator[dict[str, Worker]]:
    """Started workers by name; filled by `started`."""
    running: dict[str, Worker] = {}
    yield running
    for worker in running.values():
        worker.close()


def started(workers: dict[str, Worker], name: str) -> Worker:
    if name not in workers:
        worker = Worker(framework(name), Limits(seconds=120))
        worker.start()
        workers[name] = worker
    return workers[name]


def in_numpy(wanted: LayerConfig, given: Mapping[str, Any]) -> list[Any]:
    with Worker(fake("numpy_layers.py", wanted.dialect), QUICK) as worker:
        worker.start()
        ask(worker, build(1, wanted))
        return results(ask(worker, call(1), given))


@pytest.mark.parametrize("name", MODES)
def test_it_claims_what_the_specification_has(name: str, workers: dict[str, Worker]) -> None:
    header = ask(started(workers, name), {"op": "hello"}).header
    rules = load_dialect(header["dialect"])
    assert header["capabilities"]["layers"] == list(rules.layers)
    assert header["capabilities"]["options"] == {key: list(option.values) for key, option in rules.options.items()}
    assert header["capabilities"]["modes"] == list(MODES[name])
    assert header["environment"]["threads"] == "1"


@pytest.mark.parametrize(("name", "mode", "wanted"), EACH, ids=lambda value: getattr(value, "id", value))
def test_options_weights_masks_and_states_arrive(
    name: str, mode: str, wanted: LayerConfig, workers: dict[str, Worker]
) -> None:
    worker, given = started(workers, name), arrays(some_tensors(wanted))
    built = ask(worker, build(1, wanted))
    answer = ask(worker, call(1, mode=mode, keep=True), given)
    assert built.header["weights"] == [weight.name for weight in weights(wanted)]
    assert answer.header["structure"] == structure(wanted)
    outputs = results(answer)
    for got, expected in zip(outputs, in_numpy(wanted, given), strict=True):
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    now = ask(worker, {"op": "recall", "handle": 1}).arrays
    assert set(now) == set(given) | set(answer.arrays)
    for key, array in (given | dict(answer.arrays)).items():
        np.testing.assert_array_equal(now[key], array)


@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name in MODES for mode in MODES[name]])
def test_a_layer_can_be_called_with_other_sizes_and_weights(name: str, mode: str, workers: dict[str, Worker]) -> None:
    dialect = name.split(":")[0]
    worker, small = started(workers, name), config(dialect, "gru")
    ask(worker, build(1, small))
    for seed, (batch, timesteps) in enumerate([(2, 4), (3, 4), (2, 6), (1, 1)]):
        wanted = small.with_sizes(batch=batch, timesteps=timesteps)
        given = arrays(some_tensors(wanted, seed))
        got = results(ask(worker, call(1, mode=mode), given))[0]
        np.testing.assert_allclose(got, in_numpy(wanted, given)[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MODES)
def test_rejections_come_through_with_stage_and_type(name: str, workers: dict[str, Worker]) -> None:
    worker, dialect = started(workers, name), name.split(":")[0]
    rules = load_dialect(dialect)
    for rejection in rules.rejections.values():
        if not rejection.arguments:
            continue
        options = {"bidirectional": True} if "bidirectional" in rejection.when else {}
        wanted = LayerConfig.of(dialect, rejection.layers[-1], options, SIZES)
        header = ask(worker, build(1, wanted, **rejection.arguments)).header
        assert header["ok"] is False, rejection.id
        assert header["stage"] == "construct", (rejection.id, header)


@pytest.mark.parametrize("name", MODES)
def test_weights_of_other_shapes_are_an_error_of_the_weights(name: str, workers: dict[str, Worker]) -> None:
    worker, wanted = started(workers, name), config(name.split(":")[0])
    given = arrays(some_tensors(wanted))
    ask(worker, build(1, wanted))
    header = ask(worker, call(1), given | {"weights.2": given["weights.2"][:1]}).header
    assert (header["ok"], header["stage"]) == (False, "weights")


@pytest.mark.parametrize("name", MODES)
def test_the_first_bias_is_the_one_of_the_framework(name: str, workers: dict[str, Worker]) -> None:
    built = ask(started(workers, name), build(1, config(name.split(":")[0]))).arrays["weights.2"]
    if name == "torch":
        assert 0 < np.abs(built).max() <= 1 / np.sqrt(SIZES.units)
    else:
        np.testing.assert_array_equal(built, np.repeat([0, 1, 0, 0], SIZES.units))


REPLACEMENT = """
import {module}
class Doubled({base}):
    def {method}(self, *args, **kwargs):
        return super().{method}(*args, **kwargs) * 2
"""


def test_a_class_can_take_the_place_of_the_frameworks_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found in the working directory."""
    launch = framework("keras:tensorflow")
    source = REPLACEMENT.format(module="keras", base="keras.layers.LSTM", method="call")
    (tmp_path / "mine.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    replaced = Launch(launch.name, (*launch.command, "--replace", "LSTM=mine:Doubled"), launch.environment)
    wanted = config()
    given = arrays(some_tensors(wanted))
    with Worker(replaced, Limits(seconds=120)) as worker:
        worker.start()
        ask(worker, build(1, wanted))
        got = results(ask(worker, call(1), given))[0]
    np.testing.assert_allclose(got, 2 * in_numpy(wanted, given)[0], rtol=0, atol=1e-5)


def test_a_class_that_cannot_be_found_is_one_clear_line() -> None:
    launch = framework("torch")
    replaced = Launch("torch", (*launch.command, "--replace", "LSTM=no_such_module:Thing"), launch.environment)
    with Worker(replaced, QUICK) as worker, pytest.raises(BrokenImplementationError, match="no_such_module"):
        worker.start()


def test_every_framework_under_test_has_an_interpreter_setting() -> None:
    assert set(FRAMEWORKS) == set(MODES)
