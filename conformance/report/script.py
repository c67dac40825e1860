"""A case as a script for its framework alone: for a bug report, or for somebody who does not have us.

The framework's words are in templates beside its adapter (`conformance/adapters/export_*.py.j2`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from conformance.generate.tensors import tensors
from conformance.reference import Expected, Precision, evaluate
from conformance.report.text import safe, short
from conformance.spec import Array, Case, LayerConfig, Tensors, Value, outputs

WIDTH = 110
"""Lists of numbers are broken into lines of about so many characters."""


def script(case: Case, template: Path, arguments: Sequence[str], mode: str, held_to: Precision, **about: Any) -> str:
    """The text of a Python script that calls the layer of a case and compares what comes.

    Args:
        case: what to show.
        template: the framework's template.
        arguments: of the framework's adapter, such as its backend.
        mode: how to call the layer.
        held_to: the precision that values are judged with.
        about: `title`, `messages` (one-line texts, may be foreign) and `needs` (packages) for the heading.
    """
    config, drawn = case.config, tensors(case)
    rejection = config.rules.rejections[case.rejection] if case.rejection else None
    constructor, wrapper = _arguments(config, rejection.arguments if rejection else {})
    text = _environment(template.parent).get_template(template.name).render(
        id=case.id,
        class_name=config.rules.layers[config.layer].class_name,
        bidirectional=config.bidirectional,
        batch_first=config.get("batch_first") is True,
        options=config.options,
        sizes=config.sizes,
        constructor=constructor,
        wrapper=wrapper,
        refused=rejection,
        errors=rejection.errors if rejection else (),
        outputs=[] if rejection else _outputs(config, drawn, held_to),
        arguments=arguments,
        mode=mode,
        **vars(drawn),
        **about,
    )  # fmt: skip
    return text.rstrip() + "\n"


def _arguments(config: LayerConfig, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of the layer and of its wrapper that are not default; `given` replace or join them."""
    options = config.rules.options
    chosen: dict[str, Value | float] = {
        name: value for name, value in config.non_default().items() if options[name].where != "call"
    } | dict(given)
    wrapped = {name for name in chosen if name in options and options[name].where == "wrapper"}
    if wrapped:
        chosen.pop("bidirectional", None)
        wrapped.discard("bidirectional")
    both = {name: value for name, value in chosen.items() if name in wrapped or name == "dtype"}
    return {name: value for name, value in chosen.items() if name not in wrapped}, both


def _outputs(config: LayerConfig, drawn: Tensors, held_to: Precision) -> list[dict[str, Any]]:
    """Name, type, value and allowed error of the outputs whose values are promised."""
    lengths = None if drawn.lengths is None else drawn.lengths.tolist()
    due = evaluate(config, [drawn], held_to, "signed")[0]
    return [
        {"name": contract.name, "dtype": contract.dtype, "value": expected.value, "allowed": _allowed(expected)}
        for contract, expected in zip(outputs(config, lengths), due, strict=True)
        if expected.value is not None
    ]


def _allowed(expected: Expected) -> Array:
    """How far a value may be off; infinitely far where it is left open."""
    return expected.allowed if expected.specified is None else np.where(expected.specified, expected.allowed, np.inf)


@cache
def _environment(directory: Path) -> Environment:
    environment = Environment(  # noqa: S701 - Python, not HTML
        loader=FileSystemLoader(directory),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"literal": literal, "keywords": keywords, "comment": comment, "set_of": _set_of}
    return environment


def literal(array: Array) -> str:
    """An array as nested lists of Python, every number as short as its type allows."""
    return textwrap.fill(
        _nested(array), WIDTH, subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False
    )


def _nested(array: Array) -> str:
    if array.ndim == 0:
        text = str(array[()])
        return text.replace("inf", "np.inf").replace("nan", "np.nan")
    return "[" + ", ".join(_nested(np.asarray(part)) for part in array) + "]"


def keywords(arguments: Mapping[str, Any], instead: Mapping[str, Any] | None = None) -> str:
    """`name=value, ...`; values found in `instead` are replaced."""
    spelled = {name: (instead or {}).get(str(value), value) for name, value in arguments.items()}
    return ", ".join(f"{name}={value!r}" for name, value in spelled.items())


def comment(text: str) -> str:
    """Foreign text that stays within its line."""
    return safe(short(text))


def _set_of(names: Sequence[str]) -> str:
    return "{" + ", ".join(repr(name) for name in names) + "}"
