"""The deviations that come with the program: data that are whole, narrow, and backed by a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.engine.declarations import shipped
from conformance.engine.deviations import Deviation
from conformance.engine.versions import version_limits
from conformance.spec import specs_path

SHIPPED = shipped()

ELSEWHERE = {
    "keras_bidirectional_declared_dtype": "Bidirectional is always given the dtype of its layer",
    "keras_tensorflow_stateful_fit": "stateful layers are not trained",
    "keras_tensorflow_thaw": "weights are thawed one by one",
    "keras_bidirectional_declared_shape": "declared shapes are not asked for",
    "keras_stacked_cells_declared_nesting": "several stacked cells are not run",
    "keras_stacked_cells_dtype": "a list of one cell is known by keras-one-stacked-cell, whatever it does",
    "keras_l1_l2_identifier": "regularizers are given with their configuration, not by name",
    "keras_dropout_inference_seed": "the documentation leaves it open: it is recorded, and no failure",
    "keras_tensorflow_bfloat16_truncates": "one of some thousand cases shows it; an entry would excuse all",
    "torch_quantized_layers": "what is refused is not asked for: the interface is deprecated",
    "torch_hardsigmoid_gradient": "torch's own layers do not use it; on keras:torch float64 deviates as a whole",
}
"""Findings that do not show in a run, and why: nothing can be declared for them."""


def ids(known: Deviation) -> str:
    return known.id


def test_every_finding_is_declared_or_does_not_show_in_a_run() -> None:
    scripts = {path.stem for path in (specs_path() / "deviations").glob("*.py")}
    declared = {Path(known.script).stem for known in SHIPPED}
    assert declared | set(ELSEWHERE) == scripts
    assert not declared & set(ELSEWHERE)


@pytest.mark.parametrize("known", SHIPPED, ids=ids)
def test_versions_end_where_nobody_has_looked(known: Deviation) -> None:
    assert known.versions
    for limits in known.versions.values():
        assert {sign for sign, _ in version_limits(limits)} == {">=", "<"}


@pytest.mark.parametrize("known", SHIPPED, ids=ids)
def test_a_witness_lies_in_its_region_and_belongs_to_one_declaration(known: Deviation) -> None:
    if known.witness is None:
        assert known.id in ("torch-bfloat16-rows", "torch-bfloat16-nan")  # show on some CPUs only
        return
    assert known.holds(known.witness, "eager")
    assert [other.id for other in SHIPPED if other.witness == known.witness] == [known.id]


@pytest.mark.parametrize("known", SHIPPED, ids=ids)
def test_a_link_is_one_that_the_findings_name(known: Deviation) -> None:
    page = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
    assert not known.link or known.link.rpartition("/")[2] in page


@pytest.mark.parametrize("known", SHIPPED, ids=ids)
def test_a_class_in_the_place_of_the_framework_s_own_is_never_excused(known: Deviation) -> None:
    versions = {"keras": "3.15.1", "torch": "2.13.0"}
    assert any(known.concerns(name, versions) for name in ("torch", "keras:tensorflow", "keras:torch", "keras:jax"))
    assert not any(
        known.concerns(name, versions) for name in ("torch[LSTM=my:Own]", "keras:torch[LSTMCell=my:Own]", "my:Own")
    )
