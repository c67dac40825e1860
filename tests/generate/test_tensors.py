"""Tensors: the same everywhere, distinguishing, in the promised shapes, with the promised patterns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.errors import SpecError
from conformance.generate.bits import Stream, derive
from conformance.generate.phases import PROFILES, plan
from conformance.generate.strategies import configs
from conformance.generate.tensors import INVALID, KINDS, MASKS, input_shape, tensors
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, initial_states, load_dialect, weights

ANY_CONFIG = st.sampled_from(("keras", "torch")).flatmap(lambda name: configs(load_dialect(name)))


def test_bits_are_those_of_splitmix64() -> None:
    """The first outputs of the published algorithm for seed 1234567."""
    stream = Stream("anything")
    stream._seed = 1234567
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert stream.bits(4).tolist() == published


def test_a_stream_goes_on_where_it_stopped() -> None:
    whole, parts = Stream("a", 1), Stream("a", 1)
    assert whole.bits(7).tolist() == parts.bits(3).tolist() + parts.bits(4).tolist()


def test_names_keep_streams_apart() -> None:
    assert derive(1, "x") != derive(1, "y") != derive(11, "x")


@given(config=ANY_CONFIG, kind=st.sampled_from(tuple(KINDS)), seed=st.integers(0, 2**62))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_shapes_and_types_are_those_of_the_contract(config: LayerConfig, kind: str, seed: int) -> None:
    drawn = tensors(Case(config, DataSpec(kind, seed)))
    assert [array.shape for array in drawn.weights] == [weight.shape for weight in weights(config)]
    assert drawn.x.shape == input_shape(config)
    assert {array.dtype.name for array in (*drawn.weights, drawn.x, *(drawn.initial_state or ()))} == {config.dtype}
    assert all(np.isfinite(array).all() for array in (*drawn.weights, drawn.x))
    if drawn.initial_state is not None:
        assert [state.shape for state in drawn.initial_state] == [state.shape for state in initial_states(config)]


@given(config=ANY_CONFIG, kind=st.sampled_from(tuple(KINDS)), seed=st.integers(0, 2**62))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_data_distinguish(config: LayerConfig, kind: str, seed: int) -> None:
    """No zeros anywhere, and arrays of more than a few elements are not constant."""
    drawn = tensors(Case(config, DataSpec(kind, seed)))
    for array in (*drawn.weights, drawn.x, *(drawn.initial_state or ())):
        assert np.all(array != 0)
        assert array.size < 20 or len(np.unique(array)) > 1


@given(config=ANY_CONFIG, seed=st.integers(0, 2**62))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_lengths_are_valid(config: LayerConfig, seed: int) -> None:
    lengths = tensors(Case(config, DataSpec("generic", seed))).lengths
    form = config.get("input")
    assert (lengths is not None) == (form in ("packed", "packed_unsorted"))
    if lengths is not None:
        assert lengths.min() >= 1
        assert lengths.max() <= config.sizes.timesteps
        assert bool(np.any(np.diff(lengths) > 0)) == (form == "packed_unsorted")


@given(
    name=st.sampled_from(tuple(MASKS)), batch=st.integers(1, 6), timesteps=st.integers(3, 9), seed=st.integers(0, 2**62)
)
def test_masks_show_their_pattern(name: str, batch: int, timesteps: int, seed: int) -> None:
    mask = MASKS[name](Stream(seed), batch, timesteps)
    assert mask.shape == (batch, timesteps)
    assert mask.dtype == bool
    rises = np.diff(mask.astype(int), axis=1) > 0
    falls = np.diff(mask.astype(int), axis=1) < 0
    pattern = {
        "right": not rises.any() and falls.any(),
        "left": not falls.any() and rises.any(),
        "gaps": bool((falls.any(axis=1) & rises.any(axis=1)).any()),
        "full_rows": bool((~mask).all(axis=1).any()),
    }
    assert pattern[name]


def test_lattice_values_are_multiples_of_an_eighth_times_a_power_of_two() -> None:
    config = LayerConfig.of("keras", "gru", {"initial_state": True}, Sizes(3, 5, 4, 6))
    drawn = tensors(Case(config, DataSpec("lattice", 5)))
    for array in (*drawn.weights, drawn.x):
        assert np.all(array * 64 == np.round(array * 64))


def test_every_rejection_can_be_made_and_differs_from_the_valid_case() -> None:
    for name in ("keras", "torch"):
        rules = load_dialect(name)
        batches = [b for b in plan(rules, PROFILES["quick"], 0, ("covering",)) if b.cases[0].rejection]
        assert {batch.cases[0].rejection for batch in batches} == set(rules.rejections)
        for batch in batches:
            (case,) = batch.cases
            rejection = rules.rejections[str(case.rejection)]
            assert bool(rejection.arguments) != (rejection.data is not None)
            if rejection.data is not None:
                valid, invalid = tensors(Case(case.config, case.data)), tensors(case)
                assert rejection.data in INVALID
                assert _described(valid) != _described(invalid)


def _described(drawn: object) -> str:
    return repr(
        [(key, getattr(v, "shape", None), getattr(v, "dtype", None), repr(v)) for key, v in vars(drawn).items()]
    )


def test_unknown_kind_is_one_clear_line() -> None:
    config = LayerConfig.of("keras", "lstm", {}, Sizes(1, 1, 1, 1))
    with pytest.raises(SpecError, match="unknown kind of data 'nonsense'; choose one of"):
        tensors(Case(config, DataSpec("nonsense", 0)))
