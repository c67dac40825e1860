"""Laws about the data of a call: what an output may depend on, and what becomes of unusual numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from conformance.generate.tensors import activations, unbounded
from conformance.laws.axes import halves, refined, rows_at, rows_of, sized, steps_at, x_at
from conformance.laws.law import Call, Plan, Subject
from conformance.laws.relations import Index, Judged, Part, Poisoned, Relation, Same, everything, same
from conformance.reference import precision
from conformance.spec import (
    Array,
    LayerConfig,
    OutputContract,
    Tensors,
    as_floats,
    initial_states,
    input_axes,
    weights,
)

TAIL = 2
"""Masked steps that are appended."""

_FAR = 100.0
"""Beyond it tanh and sigmoid are at their limits in every type."""

_PASSES_NAN = {"tanh", "sigmoid", "linear"}
"""Activations that make NaN of NaN in every implementation; what comparing with NaN gives decides for the others."""


# ---------------------------------------------------------------- rows and padding


def rows(subject: Subject) -> Plan | None:
    """A row gives the same when the others are NaN, when it is alone, and in another place."""
    config, tensors, contract = subject.config, subject.tensors, subject.contract
    count = config.sizes.batch
    if "batch" not in input_axes(config) or count < 2:
        return None
    row = subject.stream.integer(0, count - 1)
    x = tensors.x.copy()
    x[x_at(config, batch=np.arange(count) != row)] = np.nan
    calls = [Call(config, replace(tensors, x=x))]
    relations = list(same(contract, 0, lambda output: rows_at(output, [row])))
    alone = sized(config, batch=1)
    if alone is not None and subject.can(alone):
        relations += _alone(subject, row, len(calls))
        calls.append(Call(alone, rows_of(config, tensors, np.array([row]))))
    if config.get("input") != "packed":  # there the order of rows is that of their lengths
        order = np.roll(np.arange(count), 1)
        relations += _moved(subject, order, len(calls))
        calls.append(Call(config, rows_of(config, tensors, order)))
    return Plan(tuple(calls), tuple(relations), f"row {row} depends on the other rows or on their number")


def _alone(subject: Subject, row: int, call: int) -> list[Same]:
    """A row of the case beside a call with that row alone; of packed sequences only the row's own steps are there."""
    lengths = subject.tensors.lengths
    own = slice(None) if lengths is None else slice(None, int(lengths[row]))
    return [
        Same(number, _row_and_steps(output, row, own), (Part(call, number),))
        for number, output in enumerate(subject.contract)
        if output.judged == "values" and "batch" in output.axes
    ]


def _row_and_steps(output: OutputContract, row: int, steps: slice) -> Index:
    chosen = list(rows_at(output, slice(row, row + 1)))
    axis = output.steps
    if axis is not None:
        chosen[axis] = steps
    return tuple(chosen)


def _moved(subject: Subject, order: Array, call: int) -> list[Same]:
    return [
        Same(number, rows_at(output, order), (Part(call, number),))
        for number, output in enumerate(subject.contract)
        if output.judged == "values"
    ]


def padding(subject: Subject) -> Plan | None:
    """What stands at masked steps, or after the end of a sequence, has no influence, not even NaN."""
    config, tensors = subject.config, subject.tensors
    ignored = _ignored(config, tensors)
    if ignored is None or not ignored.any():
        return None
    x = tensors.x.copy()
    x[ignored if input_axes(config)[0] == "batch" else ignored.T] = np.nan
    call = Call(config, replace(tensors, x=x))
    told = "NaN at steps that are masked or padding has an influence"
    return Plan((call,), same(subject.contract, 0, everything), told)


def _ignored(config: LayerConfig, tensors: Tensors) -> NDArray[np.bool_] | None:
    """(batch, timesteps): the steps that must have no influence."""
    if tensors.mask is not None:
        return ~tensors.mask.astype(bool)
    if tensors.lengths is not None:
        return np.arange(config.sizes.timesteps) >= tensors.lengths[:, None]
    return None


# ---------------------------------------------------------------- masks


def masked(config: LayerConfig, subject: Subject) -> LayerConfig | None:
    """The configuration with some mask that fits its sizes and is claimed; None if there is none."""
    for pattern in ("right", "left", "full_rows"):
        if pattern == "full_rows" or config.sizes.timesteps > 1:
            changed = config.with_options(mask=pattern)
            if subject.can(changed):
                return changed
    return None


def full_mask(subject: Subject) -> Plan | None:
    """A mask that is True everywhere is no mask."""
    config, tensors = subject.config, subject.tensors
    if config.get("mask") != "none" or (changed := masked(config, subject)) is None:
        return None
    mask = np.ones((config.sizes.batch, config.sizes.timesteps), bool)
    call = Call(changed, replace(tensors, mask=mask))
    told = "a mask that is True everywhere is not the same as no mask"
    return Plan((call,), same(subject.contract, 0, everything), told)


def masked_tail(subject: Subject) -> Plan | None:
    """Masked steps after the last change neither the states nor what is shown before them."""
    config, tensors, sizes = subject.config, subject.tensors, subject.config.sizes
    if "mask" not in config.options:
        return None
    longer = masked(config.with_options(mask="full_rows").with_sizes(timesteps=sizes.timesteps + TAIL), subject)
    if longer is None:
        return None
    more = subject.stream.symmetric(sizes.batch, TAIL, sizes.features).astype(config.dtype)
    mask = np.ones((sizes.batch, sizes.timesteps), bool) if tensors.mask is None else tensors.mask
    mask = np.concatenate([mask, np.zeros((sizes.batch, TAIL), bool)], axis=1)
    call = Call(longer, replace(tensors, x=np.concatenate([tensors.x, more], axis=1), mask=mask))
    # Of a layer that reads backwards the sequence is in processing order: the tail comes first.
    shown = slice(TAIL, None) if config.get("go_backwards") and not config.bidirectional else slice(-TAIL)
    zeroed = config.get("zero_output_for_mask") and not config.bidirectional
    relations = tuple(
        Same(number, (...,), (Part(0, number, steps_at(output, shown)),))
        for number, output in enumerate(subject.contract)
        if output.steps is not None or not (zeroed and output.name == "output")
    )
    return Plan((call,), relations, "masked steps after the last one change something") if relations else None


def zero_state(subject: Subject) -> Plan | None:
    """Initial states of zero are no initial states."""
    config, option = subject.config, str(subject.config.rules.initial_state["option"])
    if config.get(option) is not False or not subject.can(changed := config.with_options(**{option: True})):
        return None
    zeros = tuple(np.zeros(state.shape, config.dtype) for state in initial_states(changed))
    call = Call(changed, replace(subject.tensors, initial_state=zeros))
    told = "initial states of zero are not the same as none"
    return Plan((call,), same(subject.contract, 0, everything), told)


# ---------------------------------------------------------------- causality


def causality(subject: Subject) -> Plan | None:
    """What is shown at a step depends only on steps that were processed before it."""
    config = subject.config
    shown = {
        number: output
        for number, output in enumerate(subject.contract)
        if output.steps is not None and output.judged == "values" and len(output.axes) > 1
    }
    # of packed sequences, only the steps of the longest are shown
    steps = min((output.shape[output.steps or 0] for output in shown.values()), default=0)
    layers = config.get("num_layers", 1)
    if steps < 2 or (config.bidirectional and (layers != 1 or config.get("go_backwards"))):
        return None
    if config.bidirectional and config.get("merge_mode", "concat") not in ("concat", "None"):
        return None  # no output shows one direction alone
    first = subject.stream.integer(1, steps - 1)
    late, early = slice(first, None), slice(None, first)
    relations: list[Relation] = []
    for number, output in shown.items():
        relations += _before(subject, number, output, early, late)
    forward = late if not config.get("go_backwards") else slice(None, steps - first)
    changed = [forward, early] if config.bidirectional else [forward]
    calls = tuple(Call(config, _with_other_steps(subject, steps)) for steps in changed)
    return Plan(calls, tuple(relations), "an output depends on steps that are processed later")


def _before(subject: Subject, number: int, output: OutputContract, early: slice, late: slice) -> list[Same]:
    """Call 0 changes late steps, call 1 early ones: what each direction has shown before must stay."""
    forward, backward = steps_at(output, early), steps_at(output, late)
    if not subject.config.bidirectional:
        return [Same(number, forward, (Part(0, number, forward),))]
    if output.name == "forward_output":
        return [Same(number, forward, (Part(0, number, forward),))]
    if output.name == "backward_output":
        return [Same(number, backward, (Part(1, number, backward),))]
    last = len(output.axes) - 1
    first, second = (half[last] for half in halves(last, output))
    forward, backward = refined(forward, last, first), refined(backward, last, second)
    return [Same(number, forward, (Part(0, number, forward),)), Same(number, backward, (Part(1, number, backward),))]


def _with_other_steps(subject: Subject, steps: slice) -> Tensors:
    x = subject.tensors.x.copy()
    index = x_at(subject.config, timesteps=steps)
    x[index] = subject.stream.symmetric(*x[index].shape)
    return replace(subject.tensors, x=x)


# ---------------------------------------------------------------- unusual numbers


def not_a_number(subject: Subject) -> Plan | None:
    """NaN at a step of a row becomes NaN from there on in that row, and nowhere else."""
    config, tensors = subject.config, subject.tensors
    if not activations(config) <= _PASSES_NAN:
        return None
    ignored = _ignored(config, tensors)
    heeded = np.ones((config.sizes.batch, config.sizes.timesteps), bool) if ignored is None else ~ignored
    if config.get("input") == "unbatched":
        heeded = heeded[:1]
    places = np.argwhere(heeded)
    if not len(places):
        return None
    stream = subject.stream
    row, step = places[stream.integer(0, len(places) - 1)]
    x = tensors.x.copy()
    feature = stream.integer(0, config.sizes.features - 1)
    x[tuple({"batch": row, "timesteps": step, "features": feature}[axis] for axis in input_axes(config))] = np.nan
    told = f"NaN at batch {row}, step {step} has another effect than NaN from there on"
    return Plan((Call(config, replace(tensors, x=x)),), (Poisoned(0),), told)


def infinity(subject: Subject) -> Plan | None:
    """Infinities saturate gates as large numbers do; -0 and numbers near the smallest do no harm."""
    config, tensors, stream = subject.config, subject.tensors, subject.stream
    kernels = [
        array
        for due, array in zip(weights(config), tensors.weights, strict=True)
        if due.role == "kernel" and due.layer == 0
    ]
    large = min(1e30, precision(config.dtype).fmax / 8)
    least = min(float(np.abs(as_floats(kernel)).min()) for kernel in kernels)
    if unbounded(config) or least * large < _FAR:
        return None
    shape = tensors.x.shape
    feature = len(shape) - 1
    kind = stream.integers(0, 5, *shape[:feature])
    x = tensors.x.copy()
    place = stream.integer(0, shape[feature] - 1)
    # Some steps of a row stay ordinary, so that states after a saturated step can still be told apart.
    unusual = stream.unit(*shape[:feature]) < 0.5
    for number, value in enumerate((np.inf, -np.inf, large, -large, -0.0, 1e-40)):
        x[..., place][unusual & (kind == number)] = value
    if not np.isinf(x).any():
        x[(0,) * feature + (place,)] = np.inf
    clean = np.where(np.isinf(x), np.copysign(large, x), x).astype(x.dtype)
    call = Call(config, replace(tensors, x=x))
    told = "infinite, large or tiny inputs are not treated as their sizes demand"
    return Plan((call,), (Judged(0, config, replace(tensors, x=clean)),), told)
