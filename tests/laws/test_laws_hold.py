"""On any configuration, every law asks for what can be called, and what is right satisfies it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playing import PLAYED, case, plan, reference, verdict

from conformance.generate.strategies import configs
from conformance.generate.tensors import input_shape, states_given, tensors
from conformance.laws import Call, Judged, Part, Plan, Same
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, dialect_names, initial_states, load_dialect, weights
from conformance.spec import outputs as contract

DIALECTS = dialect_names()
FEW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**31)


def small(config: LayerConfig) -> LayerConfig:
    """The same, not larger than what is judged in a moment."""
    sizes = config.sizes
    return config.with_sizes(
        batch=min(sizes.batch, 9),
        timesteps=min(sizes.timesteps, 12),
        features=min(sizes.features, 9),
        units=min(sizes.units, 17),
    )


@st.composite
def cases(draw: st.DrawFn, dialect: str) -> Case:
    config = small(draw(configs(load_dialect(dialect))))
    return Case(config, DataSpec("generic", draw(SEEDS)))


def shapes(call: Call) -> list[tuple[int, ...]]:
    """Of all results of a call; in threads, of each."""
    lengths = call.tensors.lengths
    due = contract(call.config, None if lengths is None else [int(length) for length in lengths])
    return [output.shape for output in due] * max(1, 2 * call.manner.threads)


def assert_callable(call: Call) -> None:
    """The tensors are those of the configuration; states that are carried are not there yet."""
    config, given = call.config, call.tensors
    assert LayerConfig.of(config.dialect, config.layer, config.options, config.sizes) == config
    assert [array.shape for array in given.weights] == [weight.shape for weight in weights(config)]
    assert given.x.shape == input_shape(config)
    assert (given.mask is not None) == (config.get("mask", "none") != "none")
    assert given.mask is None or given.mask.shape == (config.sizes.batch, config.sizes.timesteps)
    assert (given.lengths is not None) == (config.get("input") in ("packed", "packed_unsorted"))
    due = initial_states(config) if states_given(config) and not call.manner.carry else ()
    assert [state.shape for state in given.initial_state or ()] == [state.shape for state in due]
    taken = {config.dtype} if "dtype" not in dict(call.arguments) else {"float32"}  # which the layer narrows by itself
    assert {array.dtype.name for array in (*given.weights, given.x, *(given.initial_state or ()))} == taken


def picked(plan: Plan, part: Part) -> tuple[int, ...]:
    return np.empty(shapes(plan.calls[part.call])[part.output])[part.index].shape


def assert_well_formed(of: Case, found: Plan) -> None:
    assert found.relations
    assert found.told
    layers = [call.layer for call in found.calls]
    assert sorted(set(layers) | {0}) == list(range(max(layers) + 1)), "layers are numbered from 1"
    for number, call in enumerate(found.calls):
        assert_callable(call)
        assert call.manner.weights or call.layer == 0 or call.layer in layers[:number], "it has weights already"
        assert not call.arguments or call.layer not in layers[:number], "arguments are the constructor's"
    own = shapes(Call(of.config, tensors(of)))
    for relation in found.relations:
        if isinstance(relation, Same):
            here = np.empty(own[relation.output])[relation.index].shape
            assert 0 not in here, "it compares something"
            assert {picked(found, part) for part in relation.parts} == {here}
        elif isinstance(relation, Judged):
            assert relation.config.sizes.units == of.config.sizes.units
        assert all(call < len(found.calls) for call in called(relation))


def called(relation: object) -> list[int]:
    """The numbers of the calls that a relation looks at."""
    if isinstance(relation, Same):
        return [part.call for part in relation.parts]
    return [relation.call]  # type: ignore[attr-defined]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("law", PLAYED)
@FEW
@given(data=st.data())
def test_every_plan_can_be_followed_and_the_reference_satisfies_it(law: str, dialect: str, data: st.DataObject) -> None:
    of = data.draw(cases(dialect))
    found = plan(of, law)
    if found is None:
        assert verdict(of, law) is None
        return
    assert_well_formed(of, found)
    judged = verdict(of, law)
    assert judged is not None
    assert judged.outcome == "pass", judged.message


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("law", PLAYED)
def test_the_choices_of_a_law_follow_from_the_case(law: str, dialect: str) -> None:
    """The same case has the same plan, at any time and on every machine."""
    of = Case(LayerConfig.of(dialect, "gru", {}, Sizes(3, 5, 4, 2)), DataSpec("generic", 5))
    assert repr(plan(of, law)) == repr(plan(of, law))


def test_a_wrong_implementation_breaks_a_law() -> None:
    """The reference is given the sequence in the wrong order, which a reversal shows."""
    of = case(return_sequences=True)
    found = verdict(
        of, "time_reversal", lambda config, given: reference(config.with_options(go_backwards=False), given)
    )
    assert found is not None
    assert found.outcome == "fail"
