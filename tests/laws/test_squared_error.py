"""Training towards targets: what is asked, the slope of the loss, frameworks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from driving import framework
from playing import case, plan
from test_descent import seeded

from conformance.checks import Verdict, judge
from conformance.engine.session import Session
from conformance.engine.worker import Limits
from conformance.generate.phases import Batch
from conformance.reference import precision
from conformance.spec import Case, Value


def outcome(name: str, of: Case, law: str) -> Verdict:
    session = Session(framework(name), Limits())
    session.start()
    try:
        held_to = {dtype: precision(dtype) for dtype in ("float32", "float64")}
        (seen,) = session.observe_batch(
            Batch("pinned", of.config, (of,)), held_to, "eager", thorough=False, laws=(law,)
        )
    finally:
        session.close()
    return judge(seen)[law]


@pytest.mark.framework
@pytest.mark.parametrize("law", ["squared_error", "descent", "regularized_training"])
@pytest.mark.parametrize(
    ("name", "layer", "options"),
    [
        ("torch", "lstm", {"num_layers": 2, "input": "packed_unsorted", "hx": True}),
        ("torch", "gru", {"bidirectional": True}),
        ("torch", "simple_rnn", {"dtype": "float32", "nonlinearity": "relu"}),
        ("keras:tensorflow", "lstm", {"mask": "right", "initial_state": True, "return_state": True}),
        ("keras:tensorflow", "gru", {"dtype": "float32", "bidirectional": True, "return_sequences": True}),
        ("keras:tensorflow", "gru", {"dtype": "float32", "bidirectional": True, "merge_mode": "mul"}),
        ("keras:tensorflow", "simple_rnn", {"dtype": "float32", "return_sequences": True, "mask": "right"}),
        ("keras:torch", "gru", {"dtype": "float32", "mask": "gaps", "return_sequences": True}),
        ("keras:torch", "gru", {"dtype": "float32", "bidirectional": True, "merge_mode": "ave", "mask": "gaps"}),
        ("keras:jax", "lstm", {"dtype": "float32", "bidirectional": True, "merge_mode": "None"}),
    ],
)
def test_frameworks(name: str, layer: str, options: dict[str, Value], law: str) -> None:
    of = case(name.partition(":")[0], layer, **options)
    for seed in (3, 4, 5, 6, 7):
        if plan(seeded(of, seed), law):
            print(name, layer, options, law, seed, outcome(name, seeded(of, seed), law))
