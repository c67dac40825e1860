"""The honest NumPy implementation has every option of both dialects, and refuses what must be refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from driving import QUICK, SIZES, arrays, ask, build, call, fake, promised, results, some_tensors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.engine.worker import Message, Worker
from conformance.generate.tensors import tensors
from conformance.spec import (
    Case,
    DataSpec,
    LayerConfig,
    Sizes,
    Tensors,
    Value,
    dialect_names,
    load_dialect,
    structure,
    weights,
)

NAMES = dialect_names()
LAYERS = [(dialect, layer) for dialect in NAMES for layer in load_dialect(dialect).layers]
REJECTIONS = [(dialect, id_) for dialect in NAMES for id_ in load_dialect(dialect).rejections]


@pytest.fixture(scope="module")
def workers() -> Iterator[dict[str, Worker]]:
    running = {name: Worker(fake("numpy_layers.py", name), QUICK) for name in NAMES}
    for worker in running.values():
        worker.start()
    yield running
    for worker in running.values():
        worker.close()


def run(worker: Worker, wanted: LayerConfig, data: Tensors) -> Message:
    built = ask(worker, build(1, wanted))
    assert built.header["weights"] == [weight.name for weight in weights(wanted)]
    assert [a.shape for a in built.arrays.values()] == [weight.shape for weight in weights(wanted)]
    return ask(worker, call(1), arrays(data))


def assert_as_promised(worker: Worker, wanted: LayerConfig) -> None:
    data = some_tensors(wanted)
    answer = run(worker, wanted, data)
    got = results(answer)
    assert answer.header["structure"] == structure(wanted)
    assert [(array.shape, array.dtype.name) for array in got] == promised(wanted, data)
    assert all(np.isfinite(array).all() for array in got)


def sizes_for(options: dict[str, Value]) -> Sizes:
    return Sizes(1, 4, 3, 5) if options.get("input") == "unbatched" else SIZES


@pytest.mark.parametrize(("dialect", "layer"), LAYERS)
def test_every_pair_of_options_gives_what_is_promised(dialect: str, layer: str, workers: dict[str, Worker]) -> None:
    rules = load_dialect(dialect)
    for first, second in itertools.combinations(rules.options_of(layer), 2):
        for values in itertools.product(first.ordinary, second.ordinary):
            options = {first.name: values[0], second.name: values[1]}
            needed = {key: allowed[0] for option in (first, second) for key, allowed in option.requires.items()}
            if all(options.get(key, value) == value for key, value in needed.items()):
                options |= needed
                assert_as_promised(workers[dialect], LayerConfig.of(dialect, layer, options, sizes_for(options)))


@pytest.mark.parametrize("dialect", NAMES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_configuration_gives_what_is_promised(
    dialect: str, workers: dict[str, Worker], data: st.DataObject
) -> None:
    layer = data.draw(st.sampled_from(sorted(load_dialect(dialect).layers)))
    options: dict[str, Value] = {}
    for option in load_dialect(dialect).options_of(layer):
        if option.exists(layer, options):
            options[option.name] = data.draw(st.sampled_from(option.ordinary), label=option.name)
    assert_as_promised(workers[dialect], LayerConfig.of(dialect, layer, options, sizes_for(options)))


@pytest.mark.parametrize(("dialect", "rejection"), REJECTIONS)
def test_what_must_be_refused_is_refused(dialect: str, rejection: str, workers: dict[str, Worker]) -> None:
    rule = load_dialect(dialect).rejections[rejection]
    options = {name: values[0] for name, values in rule.when.items()}
    wanted = LayerConfig.of(dialect, rule.layers[-1], options, sizes_for(options))
    answer = ask(workers[dialect], build(1, wanted, **rule.arguments))
    if answer.header["ok"]:
        answer = ask(workers[dialect], call(1), arrays(tensors(Case(wanted, DataSpec("generic", 1), rejection))))
    assert answer.header["ok"] is False
    assert answer.header["stage"] == rule.stage
    assert set(rule.errors) & set(answer.header["error"]["bases"])


WORKED_EXAMPLE = [
    [0.1, 4.2, 1.5, 1.1, 2.8],
    [1.0, 3.1, 2.5, 0.7, 1.1],
    [0.3, 2.1, 1.5, 2.1, 0.1],
    [2.2, 1.4, 0.5, 0.9, 1.1],
]


def test_the_worked_example_of_the_project(workers: dict[str, Worker]) -> None:
    wanted = LayerConfig.of("keras", "lstm", {"bidirectional": True, "return_state": True}, Sizes(1, 4, 5, 3))
    forget = np.repeat([0.0, 1.0, 0.0, 0.0], 3)
    one_way = [np.full((5, 12), 0.1), np.full((3, 12), 0.1), forget]
    given_weights = tuple(array.astype("float32") for array in one_way * 2)
    data = Tensors(weights=given_weights, x=np.array([WORKED_EXAMPLE], "float32"))
    joined, forward_h, _, backward_h, _ = results(run(workers["keras"], wanted, data))
    np.testing.assert_allclose(joined, [[0.6303139] * 3 + [0.70387346] * 3], rtol=1e-6)
    np.testing.assert_array_equal(joined, np.concatenate([forward_h, backward_h], axis=1))
