"""The specification as typed values: what is valid, what is promised, and identities that never change."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checks import CHECKS
from conformance.errors import SpecError
from conformance.generate.strategies import configs
from conformance.generate.vectors import vectors
from conformance.spec import (
    Case,
    DataSpec,
    LayerConfig,
    Sizes,
    clauses_for,
    dialect_names,
    initial_states,
    load_clauses,
    load_dialect,
    outputs,
    specs_path,
    structure,
    weights,
)
from conformance.spec.behaviours import load_behaviours

SIZES = Sizes(batch=2, timesteps=5, features=4, units=3)
ANY_CONFIG = st.sampled_from(("keras", "torch")).flatmap(lambda name: configs(load_dialect(name)))


def keras(layer: str, **options: bool | int | str) -> LayerConfig:
    return LayerConfig.of("keras", layer, options, SIZES)


def torch(layer: str, **options: bool | int | str) -> LayerConfig:
    return LayerConfig.of("torch", layer, options, SIZES)


# ---------------------------------------------------------------- outputs


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (keras("lstm"), ["output"]),
        (keras("gru", return_state=True), ["output", "h"]),
        (keras("lstm", return_state=True), ["output", "h", "c"]),
        (keras("gru", bidirectional=True, return_state=True), ["output", "forward_h", "backward_h"]),
        (
            keras("lstm", bidirectional=True, return_state=True),
            ["output", "forward_h", "forward_c", "backward_h", "backward_c"],
        ),
        (keras("lstm", bidirectional=True, merge_mode="None"), ["forward_output", "backward_output"]),
        (torch("gru"), ["output", "h_n"]),
        (torch("lstm"), ["output", "h_n", "c_n"]),
    ],
)
def test_number_and_order_of_outputs(config: LayerConfig, names: list[str]) -> None:
    assert [output.name for output in outputs(config)] == names


def test_one_output_is_bare_and_several_are_a_flat_tuple_in_keras() -> None:
    assert structure(keras("lstm")) == 0
    assert structure(keras("lstm", return_state=True)) == {"tuple": [0, 1, 2]}


def test_torch_nests_the_states_of_an_lstm() -> None:
    assert structure(torch("gru")) == {"tuple": [0, 1]}
    assert structure(torch("lstm")) == {"tuple": [0, {"tuple": [1, 2]}]}
    assert structure(torch("lstm", input="packed")) == {"tuple": [{"packed": [0, 1, 2, 3]}, {"tuple": [4, 5]}]}


def test_shapes_of_a_packed_call_follow_from_its_lengths() -> None:
    shapes = {output.name: output.shape for output in outputs(torch("gru", input="packed"), [4, 1])}
    assert shapes["output.data"] == (5, 3)
    assert shapes["output.padded"] == (4, 2, 3)
    assert shapes["output.batch_sizes"] == (4,)


def test_states_are_never_batch_first() -> None:
    shapes = {output.name: output.shape for output in outputs(torch("gru", batch_first=True, num_layers=2))}
    assert shapes == {"output": (2, 5, 3), "h_n": (2, 2, 3)}


def test_what_the_output_is_follows_the_reading_direction() -> None:
    usual = outputs(keras("gru", bidirectional=True))[0].meaning
    turned = outputs(keras("gru", bidirectional=True, go_backwards=True))[0].meaning
    assert usual.index("last input step") < usual.index("first input step")
    assert turned.index("first input step") < turned.index("last input step")


# ---------------------------------------------------------------- weights and states


def test_parameter_counts_are_those_of_the_textbooks() -> None:
    """SimpleRNN U(F+U+1); GRU after 3U(F+U+2), before 3U(F+U+1); LSTM 4U(F+U+1); PyTorch kU(F+U+2)."""

    def count(config: LayerConfig) -> int:
        return sum(int(np.prod(weight.shape)) for weight in weights(config))

    features, units = SIZES.features, SIZES.units
    assert count(keras("simple_rnn")) == units * (features + units + 1)
    assert count(keras("gru")) == 3 * units * (features + units + 2)
    assert count(keras("gru", reset_after=False)) == 3 * units * (features + units + 1)
    assert count(keras("lstm", bidirectional=True)) == 2 * 4 * units * (features + units + 1)
    assert count(torch("lstm")) == 4 * units * (features + units + 2)


def test_torch_names_its_parameters_layer_by_layer() -> None:
    names = [weight.name for weight in weights(torch("gru", num_layers=2, bidirectional=True, bias=False))]
    assert names == [
        "weight_ih_l0",
        "weight_hh_l0",
        "weight_ih_l0_reverse",
        "weight_hh_l0_reverse",
        "weight_ih_l1",
        "weight_hh_l1",
        "weight_ih_l1_reverse",
        "weight_hh_l1_reverse",
    ]


def test_initial_states_are_shaped_as_the_final_ones() -> None:
    assert [state.name for state in initial_states(keras("lstm", bidirectional=True))] == [
        "forward_h",
        "forward_c",
        "backward_h",
        "backward_c",
    ]
    assert [state.shape for state in initial_states(torch("lstm", proj_size=2))] == [(1, 2, 2), (1, 2, 3)]


# ---------------------------------------------------------------- validity


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        ("lstm", {"colour": "red"}, "has no option 'colour'; lstm has dtype, bidirectional"),
        ("gru", {"unit_forget_bias": True}, "gru has no option 'unit_forget_bias'; it belongs to lstm"),
        ("gru", {"merge_mode": "sum"}, "option 'merge_mode' needs bidirectional=True"),
        ("gru", {"mask": "diagonal"}, "mask=diagonal is not valid; choose one of none, right"),
        ("gru", {"return_state": 1}, "return_state=1 is not valid"),
        ("rnn", {}, "has no layer 'rnn'; choose one of simple_rnn, lstm, gru"),
    ],
)
def test_what_is_not_valid_is_refused_with_the_reason(layer: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        LayerConfig.of("keras", layer, options, SIZES)  # type: ignore[arg-type]


def test_sizes_that_an_option_forbids_are_refused() -> None:
    with pytest.raises(SpecError, match="mask=gaps needs timesteps of at least 3, not 2"):
        LayerConfig.of("keras", "gru", {"mask": "gaps"}, Sizes(1, 2, 1, 1))
    with pytest.raises(SpecError, match="units=0 is not valid"):
        LayerConfig.of("keras", "gru", {}, Sizes(1, 2, 1, 0))


# ---------------------------------------------------------------- identity


@given(config=ANY_CONFIG, seed=st.integers(0, 2**62))
def test_a_case_survives_its_canonical_form(config: LayerConfig, seed: int) -> None:
    case = Case(config, DataSpec("generic", seed))
    again = Case.from_canonical(json.loads(json.dumps(case.canonical())))
    assert again == case
    assert again.id == case.id


def test_identity_depends_on_options_sizes_and_data() -> None:
    base = Case(keras("gru"), DataSpec("generic", 1))
    others = [
        Case(keras("gru", return_state=True), base.data),
        Case(base.config.with_sizes(units=4), base.data),
        Case(base.config, DataSpec("generic", 2)),
        Case(base.config, DataSpec("lattice", 1)),
        Case(base.config, base.data, "units_zero"),
    ]
    assert len({base.id, *(case.id for case in others)}) == len(others) + 1


@pytest.mark.parametrize("data", [{}, {"config": 3}, {"config": {"dialect": "keras"}, "data": {}}])
def test_what_is_not_a_case_is_one_clear_error(data: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="not a"):
        Case.from_canonical(data)


# ---------------------------------------------------------------- clauses


def test_every_check_is_cited_by_a_clause_and_every_clause_names_a_check() -> None:
    clauses = load_clauses().values()
    assert {check for clause in clauses for check in clause.checks} == set(CHECKS)
    asked = {behaviour.clause for behaviour in load_behaviours().values()}
    assert {clause.id for clause in clauses if not clause.checks} <= asked, "what no check tests is an open question"


def test_clauses_name_options_that_exist() -> None:
    for clause in load_clauses().values():
        if clause.dialect in dialect_names():
            options = load_dialect(clause.dialect).options
            for name, values in clause.when.items():
                assert set(values) <= set(options[name].values), clause.id


def test_the_clauses_of_a_failure_are_about_its_configuration() -> None:
    plain = {clause.id for clause in clauses_for("values", keras("gru"))}
    masked = {clause.id for clause in clauses_for("values", keras("gru", mask="gaps", go_backwards=True))}
    assert "KERAS-MASK-6" in masked - plain
    assert "KERAS-EQ-2" not in plain, "a clause on the LSTM"
    assert [clause.id for clause in clauses_for("rejection", keras("gru"), "units_zero")] == ["KERAS-REJ-1"]


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("name", ["keras", "torch"])
def test_stored_vectors_fit_their_schema_and_are_what_we_would_write_now(name: str) -> None:
    """Tensors to the bit; values to rounding, since tanh of another CPU may differ in the last place."""
    stored = json.loads((specs_path() / "vectors" / f"{name}.json").read_text())
    schema = json.loads((specs_path() / "schemas" / "vectors.schema.json").read_text())
    jsonschema.validate(stored, schema)
    fresh = json.loads(json.dumps(vectors(load_dialect(name))))
    assert len(stored["vectors"]) >= 90
    for old, new in zip(stored["vectors"], fresh["vectors"], strict=True):
        outputs_old, outputs_new = old["expected"].pop("outputs"), new["expected"].pop("outputs")
        assert old == new
        for was, is_ in zip(outputs_old, outputs_new, strict=True):
            numbers = [np.array(output.pop("values", []), float) for output in (was, is_)]
            allowed = [np.array(output.pop("allowed", []), float) for output in (was, is_)]
            assert was == is_
            np.testing.assert_allclose(*numbers, rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(*allowed, rtol=1e-3, atol=1e-30)


def test_the_first_vector_is_the_worked_example() -> None:
    stored = json.loads((specs_path() / "vectors" / "keras.json").read_text())
    first = stored["vectors"][0]
    values = first["expected"]["outputs"][0]["values"]
    assert first["note"] == "the worked example"
    assert values == pytest.approx([0.6303139] * 3 + [0.70387346] * 3, abs=5e-8)
    assert len(first["expected"]["outputs"]) == 5


def test_there_are_more_than_two_hundred_vectors() -> None:
    counts = [len(json.loads(path.read_text())["vectors"]) for path in (specs_path() / "vectors").glob("*.json")]
    assert sum(counts) > 200


def test_the_wheel_carries_the_specification() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {"specs": "conformance/_specs"}


def test_sizes_are_plain_numbers() -> None:
    assert asdict(SIZES) == {"batch": 2, "timesteps": 5, "features": 4, "units": 3}
