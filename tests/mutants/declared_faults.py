"""Faults of what a layer says beforehand, while calls give what they should; and variants that are right."""

from __future__ import annotations

from typing import Any

from numpy_layers import fault, terms
from planting import Array, KerasLayer, TorchLayer, instead_of


def changed(value: Any, change: Any) -> Any:
    """A declaration with every `Spec` in it changed."""
    if isinstance(value, terms.Spec):
        return change(value)
    return type(value)([changed(part, change) for part in value])


@fault
def float64_is_declared_float32(_dialect: Any) -> None:
    """Types are declared as float32, whatever the layer's is."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, _layer: Any, *sizes: Any) -> Any:
        return changed(honest(*sizes), lambda spec: spec._replace(dtype="float32"))


@fault
def states_are_declared_without_batch(_dialect: Any) -> None:
    """The shapes of states are declared without the axis of the batch."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, layer: Any, *sizes: Any) -> Any:
        given = honest(*sizes)
        if not layer.options["return_state"]:
            return given
        count = len(layer.outputs_of_merge())
        return (*given[:count], *[spec._replace(shape=spec.shape[1:]) for spec in given[count:]])


@fault
def declared_as_a_list(_dialect: Any) -> None:
    """Several outputs are declared as a list, and given as a tuple."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, _layer: Any, *sizes: Any) -> Any:
        given = honest(*sizes)
        return given if isinstance(given, terms.Spec) else list(given)


@fault
def unmerged_is_declared_concatenated(_dialect: Any) -> None:
    """With merge_mode=None both outputs are declared as wide as the two together."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, layer: Any, *sizes: Any) -> Any:
        given = honest(*sizes)
        if len(layer.outputs_of_merge()) == 1:
            return given
        wide = [spec._replace(shape=(*spec.shape[:-1], 2 * spec.shape[-1])) for spec in given[:2]]
        return (*wide, *given[2:])


@fault
def unknown_batch_is_that_of_the_build(_dialect: Any) -> None:
    """A batch whose size is not told is declared to be as large as the one that the layer was built with."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, layer: Any, batch: Any, time: Any) -> Any:
        return honest(layer.sizes["batch"] if batch is None else batch, time)


@fault
def mask_is_handed_on_without_sequences(_dialect: Any) -> None:
    """The mask is handed on with the last output alone, which has no steps to mask."""

    @instead_of(KerasLayer, "passed_mask")
    def passed_mask(honest: Any, layer: Any, mask: Array | None) -> Any:
        passed = honest(mask)
        return passed if layer.options["return_sequences"] or isinstance(passed, list) else mask


@fault
def mask_is_handed_on_in_order_of_time(_dialect: Any) -> None:
    """A layer that reads backwards hands on its mask as it got it, and its sequence turned round."""

    @instead_of(KerasLayer, "passed_mask")
    def passed_mask(honest: Any, layer: Any, mask: Array | None) -> Any:
        turned = mask is not None and layer.options["go_backwards"] and not layer.bidirectional
        return honest(mask[:, ::-1] if turned and mask is not None else mask)


@fault
def states_are_handed_on_with_the_mask(_dialect: Any) -> None:
    """The mask of the sequence goes with the states, too."""

    @instead_of(KerasLayer, "passed_mask")
    def passed_mask(honest: Any, _layer: Any, mask: Array | None) -> Any:
        passed = honest(mask)
        return [passed[0] for _ in passed] if isinstance(passed, list) else passed


@fault
def cell_state_is_declared_projected(_dialect: Any) -> None:
    """Both states of an LSTM with projection are declared as wide as the output."""

    @instead_of(TorchLayer, "declared_state")
    def declared_state(honest: Any, layer: Any, shape: tuple[int, ...]) -> Any:
        return honest((*shape[:-1], layer.stack[-1][0].projected))


@fault
def states_are_declared_batch_first(_dialect: Any) -> None:
    """With batch_first=True the states are declared batch first as well."""

    @instead_of(TorchLayer, "declared_state")
    def declared_state(honest: Any, layer: Any, shape: tuple[int, ...]) -> Any:
        turned = layer.options["batch_first"] and len(shape) == 3
        return honest((shape[1], shape[0], shape[2]) if turned else shape)


@fault
def known_sizes_are_declared_unknown(_dialect: Any) -> None:
    """Batch and timesteps are declared as unknown where they are told."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, _layer: Any, *_sizes: Any) -> Any:
        return honest(None, None)


@fault
def states_are_declared_merged(_dialect: Any) -> None:
    """The states of two directions are declared as wide as the merged output."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, layer: Any, *sizes: Any) -> Any:
        given = honest(*sizes)
        if not (layer.bidirectional and layer.options["return_state"]):
            return given
        count, width = len(layer.outputs_of_merge()), given[0].shape[-1]
        return (*given[:count], *[spec._replace(shape=(*spec.shape[:-1], width)) for spec in given[count:]])


@fault
def unmerged_is_declared_nested(_dialect: Any) -> None:
    """With merge_mode=None and return_state=True the two outputs are declared as a pair of their own."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, layer: Any, *sizes: Any) -> Any:
        given = honest(*sizes)
        nested = len(layer.outputs_of_merge()) == 2 and layer.options["return_state"]
        return (given[:2], *given[2:]) if nested else given


@fault
def sequence_is_declared_without_its_states(_dialect: Any) -> None:
    """With return_sequences=True and return_state=True the sequence alone is declared."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, layer: Any, *sizes: Any) -> Any:
        given = honest(*sizes)
        several = layer.options["return_sequences"] and layer.options["return_state"]
        return given[0] if several and len(layer.outputs_of_merge()) == 1 else given


@fault
def mask_is_not_handed_on(_dialect: Any) -> None:
    """No mask is handed on, so that layers that follow read the padding."""

    @instead_of(KerasLayer, "passed_mask")
    def passed_mask(honest: Any, _layer: Any, _mask: Array | None) -> Any:
        return honest(None)


@fault
def mask_of_two_directions_is_lost_with_states(_dialect: Any) -> None:
    """With return_state=True a bidirectional layer hands on no mask with its sequence."""

    @instead_of(KerasLayer, "passed_mask")
    def passed_mask(honest: Any, layer: Any, mask: Array | None) -> Any:
        return honest(None if layer.bidirectional and layer.options["return_state"] else mask)


@fault
def one_mask_for_two_outputs(_dialect: Any) -> None:
    """With merge_mode=None the mask is handed on with the first half alone."""

    @instead_of(KerasLayer, "passed_mask")
    def passed_mask(honest: Any, layer: Any, mask: Array | None) -> Any:
        passed = honest(mask)
        return [passed[0], None, *passed[2:]] if len(layer.outputs_of_merge()) == 2 else passed


@fault
def mask_of_two_directions_is_turned_round(_dialect: Any) -> None:
    """A bidirectional layer hands on its mask in the order in which its second half reads."""

    @instead_of(KerasLayer, "passed_mask")
    def passed_mask(honest: Any, layer: Any, mask: Array | None) -> Any:
        turned = layer.bidirectional and mask is not None
        return honest(mask[:, ::-1] if turned and mask is not None else mask)


@fault
def directions_are_declared_as_one(_dialect: Any) -> None:
    """The states of two directions are declared as those of one."""

    @instead_of(TorchLayer, "declared_state")
    def declared_state(honest: Any, layer: Any, shape: tuple[int, ...]) -> Any:
        return honest((len(layer.stack), *shape[1:]))


@fault
def stateful_layers_declare_their_states(_dialect: Any) -> None:
    """A layer that keeps states declares them beside its output, whether it returns them or not."""

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, layer: Any, *sizes: Any) -> Any:
        if layer.options.get("stateful"):
            layer.options = {**layer.options, "return_state": True}
        return honest(*sizes)


# ---------------------------------------------------------------- right


@fault
def masks_in_a_tuple_and_no_types(_dialect: Any) -> None:
    """Masks are handed on in a tuple, and types are not declared."""

    @instead_of(KerasLayer, "passed_mask")
    def passed_mask(honest: Any, _layer: Any, mask: Array | None) -> Any:
        passed = honest(mask)
        return tuple(passed) if isinstance(passed, list) else passed

    @instead_of(KerasLayer, "declared")
    def declared(honest: Any, _layer: Any, *sizes: Any) -> Any:
        return changed(honest(*sizes), lambda spec: spec._replace(dtype=None))
