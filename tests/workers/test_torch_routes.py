"""The routes of PyTorch: each is a way of its own to the result of a plain call, and leaves nothing behind."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import arrays, ask, build, call, config, framework, results, some_tensors

from conformance.adapters import torch_parts, torch_routes
from conformance.adapters.torch_calls import Call
from conformance.checks import judge
from conformance.engine.implementations import resolve
from conformance.engine.session import Session
from conformance.engine.worker import Limits, Message, Worker
from conformance.generate.phases import Batch
from conformance.reference import precision
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, load_dialect, specs_path

pytestmark = pytest.mark.framework

ONE = Sizes(batch=1, timesteps=3, features=2, units=4)
FEW = Sizes(batch=3, timesteps=4, features=2, units=4)
CONFIGS = [
    config("torch", "simple_rnn", FEW, nonlinearity="relu", num_layers=2, batch_first=True),
    config("torch", "gru", FEW, bidirectional=True, hx=True, bias=False),
    config("torch", "lstm", FEW, bidirectional=True, num_layers=2, proj_size=2, hx=True, dtype="float64"),
    config("torch", "lstm", ONE, input="unbatched", hx=True, proj_size=1),
    config("torch", "gru", ONE, input="unbatched", batch_first=True, num_layers=3),
    config("torch", "lstm", FEW, input="packed", batch_first=True, hx=True, num_layers=2),
    config("torch", "simple_rnn", FEW, input="packed_unsorted", bidirectional=True, hx=True, dtype="float64"),
    config("torch", "lstm", FEW, input="packed_unsorted", proj_size=2, hx=True),
    config("torch", "lstm", FEW, proj_size=2, bidirectional=True),
]
KNOWN = {
    "swapped_state_dict": "has weakref associated with it",
    "vjp": "doesn't have storage",
    "jit_script": "has no attribute 'forward'",
    "vmap": "Batching rule not implemented",
    "vmap_ensemble": "Batching rule not implemented",
    "vmap_cells": "Batching rule not implemented",
}
"""Routes that PyTorch itself may refuse, with what it says then."""

WRONG = "jit_script_after_functional_call"
"""The route that gives other values in PyTorch itself."""

SCRIPTS = {
    "swapped_state_dict": ("torch_swap_state_dict", CONFIGS[0]),
    "vjp": ("torch_func_packed", CONFIGS[5]),
    "jit_script": ("torch_script_layer", CONFIGS[1]),
    "vmap": ("torch_vmap", CONFIGS[0]),
    "vmap_ensemble": ("torch_vmap", CONFIGS[1]),
    "vmap_cells": ("torch_vmap", CONFIGS[2]),
    WRONG: ("torch_functional_call", CONFIGS[0]),
}
"""Route -> the script of specs/deviations that shows why it fails, without us; and where it does."""

STRANGE = '''
"""A GRU that is right, but for where nothing is recorded for gradients for good."""

import torch


class Strange(torch.nn.GRU):
    layers = ["gru"]

    def forward(self, x, hx=None):
        output, h = super().forward(x, hx)
        return (output + 1 if torch.is_inference_mode_enabled() else output), h


class Cell(torch.nn.GRUCell):
    layers = ["gru"]
'''


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(framework("torch"), Limits(seconds=120)) as running:
        running.start()
        yield running


@pytest.fixture(scope="module")
def routes(worker: Worker) -> Mapping[str, Mapping[str, list[Any]]]:
    offered: Mapping[str, Mapping[str, list[Any]]] = ask(worker, {"op": "hello"}).header["capabilities"]["routes"]
    return offered


@pytest.mark.parametrize(
    ("version", "there", "not_there"),
    [
        ("1.12.1+cpu", {"deepcopy", "jit_trace", "checkpoint"}, {"saved_state_dict", "vjp", "vmap", "export"}),
        ("2.0.1", {"saved_state_dict", "vjp", "functional_call"}, {"assigned_state_dict", "compile", "export"}),
        ("2.10.0", set(torch_routes.ROUTES), set()),
    ],
)
def test_what_a_version_does_not_have_yet_is_not_offered(version: str, there: set[str], not_there: set[str]) -> None:
    offered = set(torch_routes.offered(version, any_module=False))
    assert there <= offered
    assert not not_there & offered


def there_is(needs: Mapping[str, list[Any]], wanted: LayerConfig) -> bool:
    return all(wanted.get(option) in values for option, values in needs.items())


def assert_same(route: str, plain: Message, other: Message, allowed: float) -> None:
    if not other.header["ok"]:
        assert other.header["stage"] == "call", (route, other.header)
        assert KNOWN.get(route, "no error") in other.header["error"]["message"], (route, other.header)
        return
    assert other.header["structure"] == plain.header["structure"], route
    for got, expected in zip(results(other), results(plain), strict=True):
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype), route
        np.testing.assert_allclose(got, expected, rtol=0, atol=allowed, err_msg=route)


@pytest.mark.parametrize("wanted", CONFIGS, ids=lambda wanted: wanted.id)
def test_every_route_gives_what_a_plain_call_gives_and_leaves_nothing_behind(
    wanted: LayerConfig, worker: Worker, routes: Mapping[str, Mapping[str, list[Any]]]
) -> None:
    given = arrays(some_tensors(wanted))
    ask(worker, build(1, wanted))
    plain = ask(worker, call(1, keep=True), given)
    for route, needs in routes.items():
        if there_is(needs, wanted) and route != WRONG:
            assert_same(route, plain, ask(worker, call(1, mode=route), given), 1e-5)
    for got, expected in zip(results(ask(worker, call(1), given)), results(plain), strict=True):
        np.testing.assert_array_equal(got, expected)
    now = ask(worker, {"op": "recall", "handle": 1}).arrays
    for name, array in (given | dict(plain.arrays)).items():
        np.testing.assert_array_equal(now[name], array, err_msg=name)


@pytest.mark.parametrize("route", SCRIPTS)
def test_a_route_fails_exactly_where_a_standalone_script_shows_it(route: str, worker: Worker) -> None:
    script, wanted = SCRIPTS[route]
    command = [framework("torch").command[0], str(specs_path() / "deviations" / f"{script}.py")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert ("deviates" in said) != ("conforms" in said), said
    ask(worker, build(1, wanted))
    plain, answer = (ask(worker, call(1, mode=way), arrays(some_tensors(wanted))) for way in ("eager", route))
    right = answer.header["ok"] and all(map(np.allclose, results(answer), results(plain)))
    assert right == ("conforms" in said), answer.header


def test_every_route_has_options_with_which_it_is_there(routes: Mapping[str, Mapping[str, list[Any]]]) -> None:
    known = load_dialect("torch").options
    for needs in routes.values():
        assert all(set(values) <= set(known[option].values) for option, values in needs.items())
    unused = [route for route, needs in routes.items() if not any(there_is(needs, wanted) for wanted in CONFIGS)]
    assert not unused


def test_an_unknown_route_is_one_clear_error(worker: Worker) -> None:
    wanted = CONFIGS[0]
    ask(worker, build(1, wanted))
    header = ask(worker, call(1, mode="no_such_way"), arrays(some_tensors(wanted))).header
    assert (header["ok"], header["stage"], header["error"]["type"]) == (False, "call", "ValueError")
    assert header["error"]["message"].startswith(
        "there is no mode 'no_such_way'; there are eager and the routes cells,"
    )


def replaced(tmp_path: Path, name: str, kind: str) -> Session:
    """A session with a class of STRANGE in the place of one of PyTorch."""
    file = tmp_path / "strange.py"
    file.write_text(STRANGE)
    return Session(resolve(f"torch[{name}={file}:{kind}]", {"torch": framework("torch").command[0]}), Limits())


def test_a_module_of_ones_own_has_the_routes_of_any_module_and_the_law_finds_the_wrong_one(tmp_path: Path) -> None:
    case = Case(config("torch", "gru", FEW, hx=True), DataSpec("generic", 1))
    batch, held_to = Batch("pinned", case.config, (case,)), {"float32": precision("float32")}
    with closing(replaced(tmp_path, "GRU", "Strange")) as session:
        offered = session.start().ways["routes"]
        found = {
            route: judge(session.observe_batch(batch, held_to, "eager", laws=(f"routes/{route}",))[0])["routes"].outcome
            for route in offered
        }
    assert {"deepcopy", "state_dict", "functional_call_of_itself"} < set(offered)
    assert not {"cells", "export", "saved_module"} & set(offered)
    assert [route for route, outcome in found.items() if outcome != "pass"] == ["inference_mode"]


def test_a_cell_of_ones_own_has_no_routes(tmp_path: Path) -> None:
    with closing(replaced(tmp_path, "GRUCell", "Cell")) as session:
        assert session.start().ways["routes"] == {}


def faulty(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Let `pad_packed_sequence` pad wrongly."""
    utilities = pytest.importorskip("torch").nn.utils.rnn
    honest = utilities.pad_packed_sequence

    def pad(sequence: Any, padding_value: float = 0.0, total_length: int | None = None, **more: Any) -> Any:
        value = 0.0 if how == "padding_value ignored" else padding_value
        padded, lengths = honest(sequence, padding_value=value, total_length=total_length, **more)
        if how == "padding at the beginning":
            padded = padded.roll(1, 1 if more["batch_first"] else 0)
        if how == "the last step repeated" and total_length is not None:
            padded = (padded.transpose(0, 1) if more["batch_first"] else padded).clone()
            padded[total_length - 1] = padded[int(lengths.max()) - 1]
            padded = padded.transpose(0, 1) if more["batch_first"] else padded
        return padded, lengths

    monkeypatch.setattr(utilities, "pad_packed_sequence", pad)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize(
    "how", ["", "padding_value ignored", "padding at the beginning", "the last step repeated"], ids=str
)
def test_padding_to_a_total_length_is_looked_at(how: str, batch_first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    make = functools.partial(torch.nn.GRU, 2, 4, batch_first=batch_first)
    x, lengths = torch.randn(3, 4, 2), torch.tensor([3, 2, 1])
    options = {"input": "packed", "batch_first": batch_first}
    call = Call(torch, make(), make, options, x if batch_first else x.transpose(0, 1), lengths, None)
    plain, _ = torch.nn.utils.rnn.pad_packed_sequence(call.plain()[0], batch_first=batch_first)
    faulty(monkeypatch, how)
    got = torch_parts.total_length(call)[0].padded
    assert torch.equal(got, plain) == (how == "")


def test_the_route_after_functional_call_is_right_where_that_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    make = functools.partial(torch.nn.LSTM, 2, 4, bidirectional=True)
    states = [torch.randn(2, 3, 4), torch.randn(2, 3, 4)]
    call = Call(torch, make(), make, {"input": "batched"}, torch.randn(5, 3, 2), None, states)
    leaving = torch.func.functional_call

    def cleared(module: Any, parameters: Any, arguments: Any) -> Any:
        result = leaving(module, parameters, arguments)
        module(*arguments)  # a plain call reads its own parameters again
        return result

    monkeypatch.setattr(torch.func, "functional_call", cleared)
    (output, last), (expected, expected_last) = torch_routes.follow(WRONG, call), call.plain()
    for got, due in zip((output, *last), (expected, *expected_last), strict=True):
        torch.testing.assert_close(got, due)
