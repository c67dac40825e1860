"""All laws, and which of them go with a configuration."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.generate.bits import derive
from conformance.laws import data, dropout, life, mixed, passes, regularizers, start, training
from conformance.laws.law import Law
from conformance.spec import LayerConfig

LAWS: Mapping[str, Law] = {
    law.name: law
    for law in (
        Law("rows", "a row of a batch depends on no other row", data.rows, everywhere=True),
        Law("padding", "masked steps and padding have no influence, not even NaN", data.padding, everywhere=True),
        Law("full_mask", "a mask that is True everywhere is no mask", data.full_mask),
        Law("masked_tail", "masked steps after the last one change nothing before them", data.masked_tail),
        Law("zero_state", "initial states of zero are none", data.zero_state),
        Law("causality", "an output depends on no step that is processed later", data.causality),
        Law("not_a_number", "NaN spreads from its step in its row, and nowhere else", data.not_a_number),
        Law("infinity", "infinite, large and tiny inputs are treated as their sizes demand", data.infinity),
        Law("chunks", "two parts with the states handed on are one pass", passes.chunks, ("carry",)),
        Law("time_reversal", "reading backwards is reading the reversed input", passes.time_reversal),
        Law("two_directions", "a bidirectional layer is two layers", passes.two_directions),
        Law("direction_swap", "the two directions are mirror images", passes.direction_swap),
        Law("merge_modes", "merge modes merge what merge_mode=None gives", passes.merge_modes),
        Law("option_effect", "an option that makes a difference makes one", passes.option_effect),
        Law("layouts", "the layout of arguments in memory makes no difference", life.layouts, ("layouts",), True),
        Law(
            "threads",
            "calls in several threads do not disturb each other",
            life.threads,
            ("threads",),
            everywhere=True,
            one_in=4,
        ),
        Law("ownership", "what a call gave back belongs to the caller", life.ownership, ("ownership",), True, True),
        Law("routes", "every way to call the layer gives the same", life.routes, everywhere=True, ways="routes"),
        Law(
            "runtimes",
            "an exported layer gives the same in another runtime",
            life.runtimes,
            ("runtimes",),
            everywhere=True,
            ways="runtimes",
            elsewhere=True,
        ),
        Law(
            "declared",
            "what a layer declares is what it gives",
            life.declared,
            ("declares",),
            form_alone=True,
            ways="declares",
        ),
        Law("instances", "two layers share nothing", life.instances, everywhere=True),
        Law("history", "a call does not depend on the calls before it", life.history, everywhere=True),
        Law("stateful", "a stateful layer goes on where it stopped", life.stateful, ("stateful",)),
        Law("mixed_precision", "weights in float32, the rest in half precision", mixed.mixed_precision, ("mixed",)),
        Law(
            "quantization",
            "quantized layers err by no more than eight bits may",
            mixed.quantization,
            ("quantizes",),
            ways="quantizes",
        ),
        Law("gradients", "gradients are the derivatives of the equations", training.gradients, ("gradients",)),
        Law(
            "curvature",
            "gradients of gradients are the second derivatives of the equations",
            training.curvature,
            ("curvature",),
            rests_on="gradients",
        ),
        Law(
            "descent",
            "a step of training changes weights by rate times gradient",
            training.descent,
            ("train",),
            rests_on="gradients",
            one_in=4,
        ),
        Law(
            "squared_error",
            "training on mean squared errors changes weights by rate times gradient",
            training.squared_error,
            ("train", "targets"),
            rests_on="descent",
            one_in=4,
        ),
        Law("penalties", "penalties are counted as documented", regularizers.penalties, ("regularizers",)),
        Law(
            "regularized_training",
            "training counts penalties, and constrains weights after a step",
            regularizers.regularized_training,
            ("train", "regularizers"),
            rests_on="descent",
            one_in=4,
        ),
        Law("initial_distribution", "random initial weights are as promised", start.random_start, ("initial_weights",)),
        Law("dropout", "dropout drops what it should, when it should", dropout.dropout, ("dropout",), one_in=2),
    )
}


def laws_for(config: LayerConfig) -> tuple[str, ...]:
    """All laws in an order of the configuration's own: whoever takes the first few gives all laws their share."""
    turns = {name: derive(config.id, name) for name in LAWS}
    return tuple(sorted(LAWS, key=lambda name: (turns[name] % LAWS[name].one_in != 0, turns[name])))
