"""The routes of Keras: which there are, that they give what a plain call gives, and where Keras is known not to.

Every script of specs/deviations that is named here shows a known deviation without this project.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from driving import arrays, ask, build, call, config, framework, results, some_tensors

from conformance.adapters import keras_replaced, keras_routes
from conformance.adapters.keras_layers import OPTIONS, Keras
from conformance.engine.implementations import Launch
from conformance.engine.requests import Hello
from conformance.engine.worker import Limits, Worker
from conformance.spec import Array, LayerConfig, Sizes, load_dialect, structure

pytestmark = pytest.mark.framework

SMALL = Sizes(batch=3, timesteps=4, features=2, units=3)
CONFIGS = {
    "no bias": config(layer="gru", sizes=SMALL, use_bias=False),
    "two outputs": config(layer="simple_rnn", sizes=SMALL, return_sequences=True, return_state=True, go_backwards=True),
    "states": config(layer="lstm", sizes=SMALL, return_state=True, initial_state=True, dtype="float64"),
    "mask": config(layer="lstm", sizes=SMALL, return_sequences=True, mask="right"),
    "unrolled": config(layer="lstm", sizes=SMALL, unroll=True, bidirectional=True, merge_mode="ave"),
    "two directions": config(
        layer="gru", sizes=SMALL, bidirectional=True, merge_mode="None", return_state=True, mask="right"
    ),
    "one of each": config(layer="simple_rnn", sizes=Sizes(1, 1, 1, 1), return_sequences=True),
}
"""Together they have every route."""

SLOW = {"xla", "torch_compile", "predict"}
"""Routes that compile."""

SILENT = {"fit", "evaluate"}
"""Routes that give nothing back, for stateful layers."""

KNOWN = {
    "positional": "keras_positional_mask.py",
    "json": "keras_reloaded_model_nesting.py",
    "mask_through_go_backwards": "keras_mask_after_go_backwards.py",
    "wrapper_weights": "keras_bidirectional_weights.py",
    "rnn_of_cells": "keras_one_stacked_cell.py",
    "rnn_from_config": "keras_rnn_from_config.py",
}
"""Routes that do not give what a plain call gives in Keras 3.15.1 -> the script that shows it."""

DEVIATIONS = Path(__file__).parents[2] / "specs" / "deviations"


@pytest.fixture(scope="module", params=["keras:tensorflow", "keras:torch"])
def worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    """JAX compiles every call, which takes too long here; it shares all code but the backend's."""
    with Worker(framework(request.param), Limits(seconds=180)) as started:
        started.start()
        yield started


def routes(worker: Worker, wanted: LayerConfig) -> tuple[str, ...]:
    hello = Hello.of(ask(worker, {"op": "hello"}).header)
    return tuple(way.name for way in hello.ways_for("routes", wanted))


def difference(worker: Worker, wanted: LayerConfig, route: str, **changed: Array) -> str:
    """What is wrong with a route; nothing if it gives what a plain call gives."""
    given = arrays(some_tensors(wanted)) | changed
    ask(worker, build(1, wanted))
    expected = results(ask(worker, call(1), given))
    answer = ask(worker, call(1, mode=route), given)
    if not answer.header["ok"]:
        return str(answer.header["error"])
    if answer.header["structure"] != structure(wanted):
        return f"structure {answer.header['structure']}"
    got = results(answer)
    if [(array.shape, array.dtype) for array in got] != [(array.shape, array.dtype) for array in expected]:
        return f"shapes {[array.shape for array in got]}"
    apart = max(float(np.abs(one - other).max()) for one, other in zip(got, expected, strict=True))
    return f"values differ by {apart}" if apart > 1e-6 else ""


@pytest.mark.parametrize("name", CONFIGS)
def test_every_route_gives_what_a_plain_call_gives(name: str, worker: Worker) -> None:
    wanted = CONFIGS[name]
    chosen = [
        route
        for route in routes(worker, wanted)
        if route not in {*KNOWN, *SILENT} and (route not in SLOW or name == "two outputs")
    ]
    found = {route: difference(worker, wanted, route) for route in chosen}
    assert len(found) >= 10
    assert {route: problem for route, problem in found.items() if problem} == {}


@pytest.mark.parametrize("route", sorted(SILENT))
def test_a_stateful_layer_has_read_what_a_silent_route_was_given(route: str, worker: Worker) -> None:
    wanted = config(layer="simple_rnn", sizes=SMALL)
    given = arrays(some_tensors(wanted))
    ask(worker, build(1, wanted, stateful=True))
    _, expected = (results(ask(worker, call(1), given)) for _ in range(2))
    ask(worker, build(1, wanted, stateful=True))
    answer = ask(worker, call(1, mode=route), given)
    assert (answer.header["structure"], results(answer)) == ({"tuple": []}, [])
    np.testing.assert_allclose(results(ask(worker, call(1), given))[0], expected[0], atol=1e-6)


@pytest.mark.parametrize("route", KNOWN)
def test_known_deviations_are_seen_and_have_a_script(route: str, worker: Worker) -> None:
    there = [wanted for wanted in CONFIGS.values() if route in routes(worker, wanted)]
    assert any(difference(worker, wanted, route) for wanted in there)
    assert (DEVIATIONS / KNOWN[route]).is_file()


def test_a_mask_that_a_layer_makes_is_lost_where_initial_states_are_given(worker: Worker) -> None:
    """specs/deviations/keras_implicit_mask_with_initial_state.py; without initial states the routes are right."""
    wanted = CONFIGS["mask"].with_options(initial_state=True)
    for route in ("mask_of_masking", "mask_of_embedding", "mask_through_layer"):
        assert difference(worker, wanted, route).startswith("values differ")
    assert (DEVIATIONS / "keras_implicit_mask_with_initial_state.py").is_file()


def test_a_backward_layer_is_changed_by_being_handed_over(worker: Worker) -> None:
    """specs/deviations/keras_backward_layer_changed.py; a forward layer is not."""
    wanted, mask = CONFIGS["mask"], np.ones((SMALL.batch, SMALL.timesteps), bool)
    mask[0, 1] = False
    assert difference(worker, wanted, "handed_over", mask=mask) == ""
    backwards = wanted.with_options(go_backwards=True)
    assert difference(worker, backwards, "handed_over", mask=mask).startswith("values differ")
    assert (DEVIATIONS / "keras_backward_layer_changed.py").is_file()


def test_every_route_is_tried_and_names_options_that_there_are(worker: Worker) -> None:
    hello = ask(worker, {"op": "hello"}).header
    offered = hello["capabilities"]["routes"]
    assert set(offered) == {route for wanted in CONFIGS.values() for route in routes(worker, wanted)}
    assert ("xla" in offered) == ("tensorflow" in hello["versions"])
    options = load_dialect("keras").options
    for needs in offered.values():
        for option, values in needs.items():
            assert {value for value in values if value is not None} <= set(options[option].values)


def test_an_unknown_route_is_one_clear_error(worker: Worker) -> None:
    wanted = CONFIGS["no bias"]
    ask(worker, build(1, wanted))
    answer = ask(worker, call(1, mode="no_such_route"), arrays(some_tensors(wanted)))
    assert (answer.header["ok"], answer.header["stage"]) == (False, "call")
    assert answer.header["error"]["message"] == "there is no mode 'no_such_route'"


def test_routes_leave_no_files_behind(worker: Worker) -> None:
    before = set(Path(tempfile.gettempdir()).glob("tmp*"))
    for route in ("keras_file", "weights_file"):
        assert difference(worker, CONFIGS["no bias"], route) == ""
    left = set(Path(tempfile.gettempdir()).glob("tmp*")) - before
    assert not [path for path in left if list(path.glob("model.*"))]


@pytest.mark.parametrize(
    ("version", "lacking", "dropout"),
    [
        ("3.0.5", {"implementation_1", "without_cudnn"}, False),
        ("3.3.3", {"implementation_1"}, False),
        ("3.4.1", set(), True),
        ("3.16.0.dev2026", set(), True),
    ],
)
def test_what_a_version_does_not_have_yet_is_not_offered(version: str, lacking: set[str], dropout: bool) -> None:
    layers = SimpleNamespace(SimpleRNN=object, LSTM=object, GRU=object)
    keras: Any = SimpleNamespace(
        __version__=version, layers=layers, backend=SimpleNamespace(backend=lambda: "tensorflow")
    )
    backend: Any = SimpleNamespace(modes=("eager",), versions=dict)
    offered = keras_routes.offered(keras, keras_routes.OWN)
    own = {name: route for name, route in keras_routes.ROUTES.items() if route.of != "asked"}
    here = {name for name, route in own.items() if "tensorflow" in route.backends}
    assert here - set(offered) == lacking
    told = Keras(keras, backend, keras_replaced.own(keras, OPTIONS), offered).describe()["capabilities"]
    assert told["routes"] == offered
    assert ("dropout" in told["features"]) == dropout


REPLACEMENT = """
import keras
class Mine(keras.layers.GRU):
    pass
class Unsaved(keras.Layer):
    def __init__(self, units, dtype=None):
        super().__init__(dtype=dtype)
        self.units = units
class Cell(keras.layers.GRUCell):
    pass
"""


@pytest.mark.parametrize(
    ("stands_in", "offers", "offers_not"),
    [
        ("GRU=mine:Mine", {"functional", "predict", "keras_file", "from_config"}, {"json", "rnn_of_cell", "xla"}),
        ("GRU=mine:Unsaved", {"functional", "predict"}, {"keras_file", "from_config"}),
        ("GRUCell=mine:Cell", set(), {"functional"}),
    ],
)
def test_a_class_of_ones_own_has_the_routes_that_are_about_it(
    stands_in: str, offers: set[str], offers_not: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(REPLACEMENT)
    monkeypatch.chdir(tmp_path)
    launch = framework("keras:torch")
    replaced = Launch(launch.name, (*launch.command, "--replace", stands_in), launch.environment)
    with Worker(replaced, Limits(seconds=120)) as worker:
        worker.start()
        offered = set(ask(worker, {"op": "hello"}).header["capabilities"]["routes"])
        assert offers <= offered
        assert not offers_not & offered
        if stands_in == "GRU=mine:Mine":
            for route in sorted(offered - SLOW - {"mask_of_masking"}):
                if route in routes(worker, CONFIGS["no bias"]):
                    assert difference(worker, CONFIGS["no bias"], route) == "", route
