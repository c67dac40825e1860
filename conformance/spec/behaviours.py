"""Open questions: what the APIs leave open, with a probe and named answers each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

from conformance.spec.config import LayerConfig, Sizes
from conformance.spec.dialect import Value
from conformance.spec.paths import specs_path

SIZES = Sizes(batch=2, timesteps=4, features=3, units=5)
"""Of every probe: no two are equal, so that no axis can be taken for another one."""


@dataclass(frozen=True)
class Behaviour:
    """One open question.

    Attributes:
        id: stable name to cite, such as `KERAS-ASK-1`.
        dialect: the dialect that it belongs to.
        clause: the clause that leaves it open.
        question: one sentence.
        layer, options, sizes: of the probe; options left out have their default. A size may be 0.
        observer: what reads the answer; see `conformance.engine.observers`.
        answers: name of an answer -> what it means; those that every question can have come last.
        arguments: constructor arguments of the probe that replace valid ones.
        change: name of what is done to the tensors; None: nothing.
        before: whether the layer is called once before, plainly and with the tensors as they were.
        route: the way to call it; None: plainly.
        feature: what an implementation must claim beyond plain calls to be asked; None: nothing.
        asks: what is looked at: the `outputs` of a call, the `mask` that the layer says that it hands on, the sum of
            its penalties after a call (`penalty`), or its weights after a step at a rate of 1, trained towards zeros in
            its first output (`trained`).
        legal: whether the probe is valid input; any other is not sent where an implementation does not claim to refuse
            what is invalid.
    """

    id: str
    dialect: str
    clause: str
    question: str
    layer: str
    observer: str
    answers: Mapping[str, str]
    options: Mapping[str, Value] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    change: str | None = None
    route: str | None = None
    feature: str | None = None
    legal: bool = False
    before: bool = False
    asks: Literal["outputs", "mask", "penalty", "trained"] = "outputs"

    @property
    def config(self) -> LayerConfig:
        """The configuration of the probe; `SpecError` if it is not valid."""
        return replace(
            LayerConfig.of(self.dialect, self.layer, self.options, SIZES), sizes=replace(SIZES, **self.sizes)
        )


@cache
def load_behaviours() -> Mapping[str, Behaviour]:
    """All open questions by id, in the order of the file."""
    data = tomllib.loads((specs_path() / "behaviours.toml").read_text(encoding="utf-8"))
    shared = data["answers"]
    return {
        entry["id"]: Behaviour(**{**entry, "answers": {**entry["answers"], **shared}}) for entry in data["behaviours"]
    }
