"""Open questions are asked once, answered by name, recorded, and never failed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from driving import framework

from conformance.checks import Declared, Lost, Refusal, Reply
from conformance.cli import main
from conformance.engine.behaviours import STAGES, classified, probe
from conformance.engine.events import DEVIATIONS, BehaviourSeen
from conformance.engine.implementations import Launch
from conformance.engine.observers import OBSERVERS
from conformance.engine.probes import CHANGES
from conformance.engine.run import RunOptions, run
from conformance.errors import SpecError
from conformance.generate.phases import DEMO
from conformance.reference import evaluate, precision
from conformance.reference.gradients import gradients
from conformance.report import html
from conformance.results import Results, compare, decode, encode, merge, read_results
from conformance.spec import Array, LayerConfig, Tree, load_clauses
from conformance.spec.behaviours import SIZES, Behaviour, load_behaviours
from conformance.spec.tensors import BFLOAT16

ALL = tuple(load_behaviours().values())
FAKE = Path(__file__).parents[1] / "workers" / "fakes" / "numpy_layers.py"
every_question = pytest.mark.parametrize("behaviour", ALL, ids=lambda one: one.id)


def asked(*arguments: str) -> Results:
    """A short run of a fake with its answers."""
    launch = Launch("fake", (sys.executable, str(FAKE), *arguments), {"OMP_NUM_THREADS": "1"})
    return Results.of(run(RunOptions((launch,), replace(DEMO, random=1, draws=1), phases=("random",), ask=True)))


@pytest.fixture(scope="module")
def results() -> Results:
    return asked("keras")


# ---------------------------------------------------------------- the registry


@every_question
def test_a_question_can_be_asked(behaviour: Behaviour) -> None:
    assert behaviour.question.endswith("?")
    assert load_clauses()[behaviour.clause].status == "unspecified"
    assert load_clauses()[behaviour.clause].dialect == behaviour.dialect
    assert behaviour.observer in OBSERVERS
    assert behaviour.change is None or behaviour.change in CHANGES
    assert probe(behaviour).weights
    assert set(STAGES.values()) | {"crashed", "timed_out", "out_of_reach"} <= set(behaviour.answers)


@every_question
def test_errors_are_answers(behaviour: Behaviour) -> None:
    drawn = probe(behaviour)
    refused = Refusal("call", "ValueError", ("ValueError", "Exception"), "no")
    assert classified(behaviour, drawn, refused) == ("refused_at_call", "ValueError")
    assert classified(behaviour, drawn, Lost("crash", "gone")) == ("crashed", "")
    assert classified(behaviour, drawn, Lost("timeout", "late")) == ("timed_out", "")


def test_the_first_step_tells_zeros_from_the_initial_state() -> None:
    (behaviour,) = (one for one in ALL if one.id == "KERAS-ASK-1")
    drawn = probe(behaviour)
    assert drawn.initial_state is not None
    shown = np.ones((2, 4, 5), np.float32)

    def answer(first: object) -> str:
        shown[:, 0] = first
        return classified(behaviour, drawn, Reply((shown.copy(),), 0, 0.0))[0]

    assert answer(0) == "zeros"
    assert answer(drawn.initial_state[0]) == "initial_state"
    assert answer(7) == "something_else"


def test_a_mask_beside_time_major_is_asked_both_ways_round_and_never_a_configuration() -> None:
    documented, read = (load_behaviours()[f"KERAS2-ASK-{number}"] for number in (1, 2))
    masks = [probe(one).mask for one in (documented, read)]
    assert [None if mask is None else mask.shape for mask in masks] == [(2, 4), (4, 2)]
    shown = np.arange(4 * 2 * 5, dtype=np.float32).reshape(4, 2, 5)
    assert classified(read, probe(read), Reply((shown,), 0, 0.0))[0] == "something_else"
    shown[3] = shown[2]
    assert classified(read, probe(read), Reply((shown,), 0, 0.0))[0] == "skipped"
    with pytest.raises(SpecError, match=r"mask.*time_major=False"):
        LayerConfig.of("keras2", "lstm", {"time_major": True, "mask": "right"}, SIZES)


@pytest.mark.parametrize(
    ("types", "answer"),
    [
        (("float32", "float32"), "float32"),
        (("bfloat16", "bfloat16", "int64"), "bfloat16"),
        (("bfloat16", "float32"), "several"),
        (("float16", "float16"), "something_else"),
    ],
)
def test_types_under_autocast(types: tuple[str, ...], answer: str) -> None:
    (behaviour,) = (one for one in ALL if one.id == "TORCH-ASK-7")
    reply = Reply(tuple(np.zeros(1, {"bfloat16": BFLOAT16}.get(name, name)) for name in types), 0, 0.0)
    assert classified(behaviour, probe(behaviour), reply)[0] == answer


def test_only_who_claims_the_feature_of_a_question_is_asked(results: Results) -> None:
    """The fake of PyTorch does not claim mixed precision."""
    assert not [one for one in asked("torch").behaviours if load_behaviours()[one.behaviour].feature]


def test_what_a_layer_gives_instead_of_its_contract_is_something_else() -> None:
    (behaviour,) = (one for one in ALL if one.id == "KERAS-ASK-1")
    assert classified(behaviour, probe(behaviour), Reply((), 0, 0.0))[0] == "something_else"


def handed_on(tree: Tree, *masks: Array) -> Reply:
    return Reply((), tree, 0.0, tuple(Declared(mask.shape, "bool", mask) for mask in masks))


def test_entries_for_states_are_told_apart() -> None:
    (behaviour,) = (one for one in ALL if one.id == "KERAS-ASK-17")
    drawn = probe(behaviour)
    assert drawn.mask is not None
    nothing = {"other": "NoneType"}
    for tree, answer, detail in (
        (0, "no_entries", "mask"),
        ({"tuple": [0, nothing, nothing]}, "none_for_each", "(mask, NoneType, NoneType)"),
        ({"tuple": [0, nothing]}, "something_else", "(mask, NoneType)"),
    ):
        assert classified(behaviour, drawn, handed_on(tree, drawn.mask)) == (answer, f"handed on: {detail}")


def test_the_direction_of_a_mask_is_told() -> None:
    (behaviour,) = (one for one in ALL if one.id == "KERAS-ASK-18")
    drawn = probe(behaviour)
    assert drawn.mask is not None
    masks = {"kept": drawn.mask, "reversed": drawn.mask[:, ::-1], "something_else": ~drawn.mask}
    assert [classified(behaviour, drawn, handed_on(0, mask))[0] for mask in masks.values()] == [*masks]
    assert classified(behaviour, drawn, handed_on({"other": "NoneType"}))[0] == "something_else"


# ---------------------------------------------------------------- a run


def is_asked(behaviour: Behaviour) -> bool:
    """Whether the fake is asked, which cannot be trained."""
    return behaviour.dialect == "keras" and behaviour.feature != "targets"


def test_every_answer_has_a_name_and_no_answer_fails(results: Results) -> None:
    assert len(results.behaviours) == sum(is_asked(one) for one in ALL)
    for seen in results.behaviours:
        assert seen.answer in load_behaviours()[seen.behaviour].answers
    outcomes = {verdict.outcome for case in results.cases for verdict in case.outcomes.values()}
    assert not outcomes & set(DEVIATIONS)


def test_answers_survive_the_file(results: Results, tmp_path: Path) -> None:
    lines = [encode(record) for record in results.events()]
    assert [decode(line) for line in lines] == list(results.events())
    file = tmp_path / "results.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert read_results(file).behaviours == results.behaviours


def test_an_answer_that_changed_is_told(results: Results) -> None:
    first, *others = results.behaviours
    header = replace(results.header, started="2100-01-01T00:00:00+00:00")
    changed = replace(results, header=header, behaviours=(replace(first, answer="crashed", detail=""), *others))
    (part,) = compare(results, changed).implementations
    (change,) = (it for it in part.changes if it.kind == "behaviour changed")
    assert change.asked == f"{first.behaviour}: {load_behaviours()[first.behaviour].question}"
    assert change.said.startswith(first.answer)
    assert change.says == "crashed"


def test_a_question_that_only_one_run_asked_says_nothing(results: Results) -> None:
    header = replace(results.header, started="2100-01-01T00:00:00+00:00")
    (part,) = compare(replace(results, header=header, behaviours=()), results).implementations
    assert not part.changes


def test_the_report_has_questions_and_answers(results: Results) -> None:
    page = html(results)
    assert 'id="behaviours"' in page
    for one in ALL:
        assert (one.id in page) == is_asked(one)
    assert 'id="behaviours"' not in html(replace(results, behaviours=()))


def test_hostile_answers_are_escaped(results: Results) -> None:
    hostile = BehaviourSeen("fake", "</script><b>", "<img src=x>", "<i>")
    page = html(replace(results, behaviours=(hostile,)))
    assert "<img src=x>" not in page
    assert "</script><b>" not in page


def test_shards_tell_an_answer_once(results: Results) -> None:
    def shard(number: int) -> Results:
        header = replace(results.header, shard=f"{number}/2")
        return replace(results, header=header, cases=results.cases if number == 1 else (), groups=())

    merged = merge([(f"{number}.jsonl", shard(number)) for number in (1, 2)])
    assert merged.behaviours == results.behaviours


def test_they_are_listed() -> None:
    said = CliRunner().invoke(main, ["list", "behaviours"])
    assert said.exit_code == 0
    assert all(one.id in said.output for one in ALL)


@pytest.mark.framework
@pytest.mark.parametrize(("name", "dialect"), [("keras:tensorflow", "keras"), ("torch", "torch")])
def test_current_frameworks_answer(name: str, dialect: str) -> None:
    launch = framework(name)
    found = Results.of(run(RunOptions((launch,), replace(DEMO, random=1, draws=1), phases=("random",), ask=True)))
    assert {seen.behaviour for seen in found.behaviours} == {one.id for one in ALL if one.dialect == dialect}
    assert all(seen.answer in load_behaviours()[seen.behaviour].answers for seen in found.behaviours)
    assert not [seen for seen in found.behaviours if seen.answer in ("crashed", "timed_out")]


def test_a_stateful_layer_that_goes_on_is_told_from_one_that_begins_anew() -> None:
    (behaviour,) = (one for one in ALL if one.id == "KERAS-ASK-20")
    drawn = probe(behaviour)
    (first,) = evaluate(behaviour.config, [drawn], precision("float32"), "step")[0]
    assert first.value is not None
    state = (first.value,)
    given = behaviour.config.with_options(initial_state=True)
    (second,) = evaluate(given, [replace(drawn, initial_state=state)], precision("float32"), "step")[0]
    for value, answer in (
        (first.value, "begins_anew"),
        (second.value, "goes_on"),
        (0 * first.value, "something_else"),
    ):
        assert classified(behaviour, drawn, Reply((np.asarray(value, np.float32),), 0, 0.0))[0] == answer


def test_what_an_activity_regularizer_counts_is_told() -> None:
    (behaviour,) = (one for one in ALL if one.id == "KERAS-ASK-19")
    drawn = probe(behaviour)
    output, _ = evaluate(behaviour.config, [drawn], precision("float32"), "step")[0]
    assert output.value is not None
    once = np.abs(output.value).sum() / SIZES.batch
    for counted, answer in ((0, "nothing"), (once, "output"), (2 * once, "output_and_state"), (7, "something_else")):
        assert classified(behaviour, drawn, Reply((np.array(counted),), 0, 0.0)) == (answer, "")


def test_whether_penalties_of_frozen_weights_count_is_told() -> None:
    (behaviour,) = (one for one in ALL if one.id == "KERAS-ASK-36")
    drawn = probe(behaviour)
    kernel = np.abs(drawn.weights[0]).sum()
    for counted, answer in ((0, "nothing"), (kernel, "counted"), (2 * kernel, "something_else")):
        assert classified(behaviour, drawn, Reply((np.array(counted),), 0, 0.0)) == (answer, "")


def test_which_steps_a_loss_counts_is_told_from_the_weights_after_a_step() -> None:
    (behaviour,) = (one for one in ALL if one.id == "KERAS-ASK-37")
    drawn = probe(behaviour)
    (output,) = evaluate(behaviour.config, [drawn], precision("float32"), "step")[0]
    shown = np.asarray(output.value)
    kept = np.broadcast_to(np.asarray(drawn.mask)[..., None], shown.shape)
    for counted, size, answer in (
        (np.ones(shown.shape), shown.size, "all"),
        (kept, kept.sum(), "unmasked"),
        (kept, shown.size, "unmasked_of_all"),
        (kept, 1, "something_else"),
    ):
        slope = 2 * shown * counted / size
        (found,) = gradients(behaviour.config, [drawn], [{"output": slope}], precision("float32"))
        after = tuple(
            (weight - np.asarray(it.value)).astype(np.float32)
            for weight, it in zip(drawn.weights, found[1:], strict=True)
        )
        assert classified(behaviour, drawn, Reply(after, {"list": [0, 1, 2]}, 0.0)) == (answer, "")


def test_the_fake_keeps_its_states_and_counts_its_output_alone(results: Results) -> None:
    """A question with a call before it; the fake does not save, and so is refused that way."""
    given = {one.behaviour: one.answer for one in results.behaviours}
    assert given["KERAS-ASK-19"] == "output"
    assert given["KERAS-ASK-20"] == "refused_at_call"
    assert given["KERAS-ASK-36"] == "counted"
    assert given["KERAS-ASK-21"] in ("refused_at_call", "accepted")
