"""Answers to open questions, side by side: which implementations do the same where the specification leaves it open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.engine.events import BehaviourSeen
from conformance.report.text import count
from conformance.spec.behaviours import load_behaviours


@dataclass(frozen=True)
class Answer:
    """One answer: what it means, its detail, and the implementations (with versions) that give it."""

    meaning: str
    detail: str
    given_by: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """An open question; `clause` and `text` are empty if this version does not know it."""

    id: str
    clause: str
    text: str
    answers: tuple[Answer, ...]


def questions(seen: Sequence[BehaviourSeen], labels: Mapping[str, str]) -> tuple[Question, ...]:
    """Every question that was answered, in the order of the results; equal answers are one.

    Args:
        seen: the answers.
        labels: implementation -> its name with version.
    """
    return tuple(_question(name, seen, labels) for name in dict.fromkeys(one.behaviour for one in seen))


def _question(name: str, seen: Sequence[BehaviourSeen], labels: Mapping[str, str]) -> Question:
    known = load_behaviours().get(name)
    given: dict[tuple[str, str], dict[str, None]] = {}
    for one in seen:
        if one.behaviour == name:
            given.setdefault((one.answer, one.detail), {})[labels.get(one.implementation, one.implementation)] = None
    meanings = known.answers if known else {}
    answers = tuple(Answer(meanings.get(it, it), detail, tuple(names)) for (it, detail), names in given.items())
    return Question(name, known.clause if known else "", known.question if known else "", answers)


def lines(seen: Sequence[BehaviourSeen]) -> Iterator[str]:
    """For a terminal: one line, if any question was answered."""
    asked = len({one.behaviour for one in seen})
    if asked:
        yield f"behaviours  {count(asked, 'open question')} answered; see the report"
