"""The planted faults, as data: which check finds each, when it shows, and what it must be said to look like."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from conformance.engine.implementations import Launch

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Mutant:
    """One planted fault.

    Attributes:
        fault: its name in the worker.
        dialect: the dialect that it is planted in.
        check: the check that must find it.
        when: statements that must be among those of a group of that check.
        looks_like: what that group must look like; None: it has no name, and none must be given.
        only: what part of the quick profile is run, to stay quick.
        phases: which phases are run.
    """

    fault: str
    dialect: str
    check: str
    when: tuple[str, ...] = ()
    looks_like: str | None = None
    only: Mapping[str, str] = field(default_factory=dict)
    phases: tuple[str, ...] = ("covering",)

    @property
    def id(self) -> str:
        """Name of its test."""
        return f"{self.dialect}-{self.fault}"

    @property
    def launch(self) -> Launch:
        """How to start it."""
        return launch(self.dialect, self.fault)


def launch(dialect: str, fault: str) -> Launch:
    """The worker with one fault, by this interpreter."""
    command = (sys.executable, str(WORKER), dialect, "--fault", fault)
    return Launch(f"{dialect}:{fault}", command, {"OMP_NUM_THREADS": "1"})


LSTM, GRU, RNN = {"layer": "lstm"}, {"layer": "gru"}, {"layer": "simple_rnn"}
BI = {"bidirectional": "true"}


def _keras(fault: str, check: str, *when: str, looks: str | None = None, **more: object) -> Mutant:
    return Mutant(fault, "keras", check, when, looks, **more)  # type: ignore[arg-type]


def _torch(fault: str, check: str, *when: str, looks: str | None = None, **more: object) -> Mutant:
    return Mutant(fault, "torch", check, when, looks, **more)  # type: ignore[arg-type]


def _read(blocks: str, order: str) -> str:
    return f"the gate blocks {', '.join(blocks)} are read as {', '.join(order)}"


ALL = ("pinned", "covering", "random")

CELLS = (
    _keras("gates_igfo", "values", "layer=lstm", looks=_read("ifgo", "igfo"), only=LSTM),
    _keras("gates_iofg", "values", "layer=lstm", looks=_read("ifgo", "iofg"), only=LSTM),
    _keras("gates_fiog", "values", "layer=lstm", looks=_read("ifgo", "fiog"), only=LSTM),
    _torch("gates_ifog", "values", "layer=lstm", looks=_read("ifgo", "ifog"), only=LSTM),
    _keras("gru_gates_exchanged", "values", "layer=gru", looks=_read("zrn", "rzn"), only=GRU),
    _torch("gru_gates_exchanged", "values", "layer=gru", looks=_read("rzn", "zrn"), only=GRU),
    _torch("gru_gates_rotated", "values", "layer=gru", looks=_read("rzn", "nrz"), only=GRU),
    _keras("gates_exchanged_in_the_recurrent_kernel", "values", "layer=lstm", only=LSTM),
    _keras("recurrent_kernel_transposed", "values", looks="the recurrent kernel is transposed", only=GRU),
    _torch("recurrent_kernel_transposed", "values", looks="the recurrent kernel is transposed", only=RNN),
    _keras("bias_ignored", "values", looks="the bias is ignored", only=RNN),
    _torch("bias_ignored", "values", looks="the bias is ignored", only=LSTM),
    _keras("bias_doubled", "values", looks="the bias is added twice", only=LSTM),
    _keras("recurrent_bias_ignored", "values", "layer=gru", looks="the recurrent bias is ignored", only=GRU),
    _torch("recurrent_bias_ignored", "values", looks="the recurrent bias is ignored", only=GRU),
    _torch("input_bias_ignored", "values", looks="the input bias is ignored", only=RNN),
    _keras("forget_bias_added", "values", "layer=lstm", looks="one is added to the forget bias", only=LSTM),
    _torch("forget_bias_added", "values", "layer=lstm", looks="one is added to the forget bias", only=LSTM),
    _keras("bias_slightly_off", "values", only=RNN),
    _keras("bias_ignored_in_wide_layers", "values", only=RNN, phases=("random",)),
    _torch("last_feature_ignored", "values", only=RNN),
    _keras("unit_forget_bias_not_initial", "initial_weights", "layer=lstm", only=LSTM),
    _torch("initial_weights_too_wide", "initial_weights", only=RNN),
    _keras(
        "reset_always_before",
        "values",
        "layer=gru",
        looks="the reset gate is applied before the recurrent product",
        only=GRU,
    ),
    _keras(
        "reset_always_after",
        "values",
        "layer=gru",
        "reset_after=False",
        looks="the reset gate is applied after the recurrent product",
        only=GRU,
    ),
    _torch(
        "torch_reset_before",
        "values",
        "layer=gru",
        looks="the reset gate is applied before the recurrent product",
        only=GRU,
    ),
    _keras("update_gate_inverted", "values", "layer=gru", looks="the update gate is inverted", only=GRU),
    _torch("update_gate_inverted", "values", "layer=gru", looks="the update gate is inverted", only=GRU),
    _keras(
        "hard_sigmoid_of_keras_2",
        "values",
        "recurrent_activation=hard_sigmoid",
        looks="hard_sigmoid is the older one, clip(0.2 x + 0.5)",
        only={"recurrent_activation": "hard_sigmoid"},
    ),
    _keras(
        "candidate_through_recurrent_activation",
        "values",
        "layer=gru",
        looks="the candidate goes through the activation of the gates",
        only=GRU,
    ),
    _keras(
        "activations_exchanged",
        "values",
        "layer!=simple_rnn",
        looks="activation and recurrent_activation are exchanged",
        only=LSTM,
    ),
    _keras(
        "output_activation_missing", "values", "layer=lstm", looks="the activation of the output is missing", only=LSTM
    ),
    _torch(
        "output_activation_missing", "values", "layer=lstm", looks="the activation of the output is missing", only=LSTM
    ),
    _keras("sigmoid_clipped", "values", only=LSTM),
    _torch("sigmoid_by_table", "values", only=GRU),
    _keras("tanh_inexact", "values", only=RNN),
    _keras("relu_of_negative_leaks", "values", only={"activation": "relu"}),
    _torch(
        "nonlinearity_ignored",
        "values",
        "layer=simple_rnn",
        "nonlinearity=relu",
        looks="nonlinearity=relu behaves as nonlinearity=tanh",
        only=RNN,
    ),
    _torch(
        "float32_inside_float64",
        "values",
        "dtype=float64",
        looks="values have the precision of float32",
        only={"dtype": "float64"},
    ),
    _keras("products_in_ten_bits", "values", only=LSTM),
    _torch("products_in_bfloat16", "values", only=LSTM),
)

KERAS = (
    _keras(
        "states_ignored",
        "values",
        "initial_state=True",
        looks="the initial state is ignored",
        only={"initial_state": "true"},
    ),
    _keras(
        "states_h_and_c_exchanged",
        "values",
        "layer=lstm",
        "initial_state=True",
        looks="the initial states h and c are exchanged",
        only=LSTM,
    ),
    _keras(
        "states_of_directions_exchanged",
        "values",
        "bidirectional=True",
        "initial_state=True",
        looks="the initial states of the two directions are exchanged",
        only=BI,
    ),
    _keras(
        "states_of_forward_used_twice",
        "values",
        "bidirectional=True",
        "initial_state=True",
        looks="the two directions both start from the state of the forward one",
        only=BI,
    ),
    _keras(
        "states_ignored_backward",
        "values",
        "bidirectional=True",
        "initial_state=True",
        looks="the initial state is ignored in the backward direction",
        only=BI,
    ),
    _keras(
        "states_ignored_with_batch_one",
        "values",
        "initial_state=True",
        looks="the initial state is ignored",
        phases=("random",),
    ),
    _keras(
        "backward_not_realigned",
        "values",
        "bidirectional=True",
        "return_sequences=True",
        looks="the backward half is not re-aligned to time order",
        only=BI,
    ),
    _keras(
        "backward_at_last_step",
        "values",
        "bidirectional=True",
        looks="the backward half is taken at the last time step",
        only=BI,
    ),
    _keras(
        "go_backwards_ignored",
        "values",
        "go_backwards=True",
        looks="go_backwards=True behaves as go_backwards=False",
        only={"go_backwards": "true"},
    ),
    _keras(
        "go_backwards_realigned",
        "values",
        "return_sequences=True",
        "go_backwards=True",
        looks="the sequence read backwards is turned round to time order",
        only={"go_backwards": "true", "bidirectional": "false"},
        phases=ALL,
    ),
    _keras(
        "ave_without_half",
        "values",
        "merge_mode=ave",
        looks="merge_mode=ave behaves as merge_mode=sum",
        only={"merge_mode": "ave"},
    ),
    _keras(
        "mul_is_sum",
        "values",
        "merge_mode=mul",
        looks="merge_mode=mul behaves as merge_mode=sum",
        only={"merge_mode": "mul"},
    ),
    _keras("concat_backward_first", "values", "bidirectional=True", only={"merge_mode": "concat"}),
    _keras("concat_on_the_wrong_axis", "shape", "bidirectional=True", only={"merge_mode": "concat"}),
    _keras("mask_ignored", "values", "mask!=none", looks="the mask is ignored", only=RNN),
    _keras(
        "mask_ignored_backward",
        "values",
        "bidirectional=True",
        "mask!=none",
        looks="the mask is ignored in the backward direction",
        only=BI,
    ),
    _keras(
        "mask_not_reversed",
        "values",
        "mask!=none",
        looks="the mask is not turned round when the input is read backwards",
        only=GRU,
    ),
    _keras("mask_inverted", "values", "mask!=none", looks="the mask is inverted", only=RNN),
    _keras(
        "mask_gaps_closed_backwards",
        "values",
        "go_backwards=True",
        "mask=gaps|full_rows",
        only={"go_backwards": "true", "layer": "simple_rnn"},
        phases=ALL,
    ),
    _keras("mask_of_the_first_row", "values", "mask!=none", only=RNN),
    _keras("mask_zeroes_states", "values", "mask=gaps|full_rows", only=RNN),
    _keras("mask_carries_only_h", "values", "layer=lstm", "mask=left|gaps|full_rows", only=LSTM),
    _keras(
        "zero_output_ignored",
        "values",
        "return_sequences=True",
        "zero_output_for_mask=True",
        looks="zero_output_for_mask=True behaves as zero_output_for_mask=False",
        only={"zero_output_for_mask": "true", "bidirectional": "false", "return_sequences": "true"},
        phases=ALL,
    ),
    _keras(
        "zero_output_always",
        "values",
        looks="zero_output_for_mask=False behaves as zero_output_for_mask=True",
        only={"zero_output_for_mask": "false", "return_sequences": "true"},
        phases=ALL,
    ),
    _keras(
        "zeroed_in_time_order",
        "values",
        "return_sequences=True",
        "go_backwards=True",
        "zero_output_for_mask=True",
        looks="outputs are zeroed by the mask in time order, while the sequence is in processing order",
        only={"zero_output_for_mask": "true", "return_sequences": "true"},
        phases=ALL,
    ),
    _keras(
        "half_zeroed_in_time_order",
        "values",
        "bidirectional=True",
        "return_sequences=True",
        "mask!=none",
        looks="the backward half is zeroed by the mask in time order before it is re-aligned",
        only={"bidirectional": "true", "return_sequences": "true"},
        phases=ALL,
    ),
    _keras("masked_output_is_not_repeated", "values", "mask=right|gaps|full_rows", only=RNN),
    _keras("full_rows_are_nan", "values", "mask=full_rows", only={"mask": "full_rows"}),
    _keras("states_exchanged_in_the_result", "order", "layer=lstm", "return_state=True", only=LSTM),
    _keras("backward_states_first", "order", "bidirectional=True", "return_state=True", only=BI),
    _keras("list_of_results", "structure", only=RNN),
    _keras(
        "none_is_nested",
        "structure",
        "bidirectional=True",
        "merge_mode=None",
        "return_state=True",
        only={"merge_mode": "None"},
    ),
    _keras("states_nested", "structure", "layer=lstm", "return_state=True", only=LSTM),
    _keras("backward_states_missing", "structure", "bidirectional=True", "return_state=True", only=BI),
    _keras("gru_state_twice", "structure", "layer=gru", "return_state=True", only=GRU),
    _keras("states_always", "structure", only=RNN),
    _keras("batch_of_one_squeezed", "shape", only=GRU, phases=("random",)),
    _keras("output_time_major", "shape", "return_sequences=True", only=RNN),
    _keras("half_precision_output", "dtype", only=RNN),
    _keras("accepts_negative_units", "rejection", "rejection=units_negative", only=RNN),
    _keras("accepts_unknown_keywords", "rejection", "rejection=keyword_unknown", only=RNN),
    _keras("accepts_unknown_activations", "rejection", "rejection=activation_unknown", only=RNN),
    _keras("wrong_error_type", "rejection", only=RNN),
    _keras("rejects_sum_of_unrolled", "accepted", "bidirectional=True", "merge_mode=sum", "unroll=True", only=BI),
    _keras("rejects_one_step", "accepted", only=GRU, phases=("random",)),
    _keras(
        "graph_mode_ignores_states",
        "values",
        "initial_state=True",
        "mode=graph",
        looks="the initial state is ignored",
        only=RNN,
    ),
)

TORCH = (
    _torch("hx_ignored", "values", "hx=True", looks="the initial state is ignored", only=GRU),
    _torch(
        "hx_ignored_backward",
        "values",
        "bidirectional=True",
        "hx=True",
        looks="the initial state is ignored in the backward direction",
        only=RNN,
    ),
    _torch(
        "hx_h_and_c_exchanged",
        "values",
        "layer=lstm",
        "hx=True",
        looks="the initial states h and c are exchanged",
        only=LSTM,
    ),
    _torch(
        "hx_of_directions_exchanged",
        "values",
        "bidirectional=True",
        "hx=True",
        looks="the initial states of the two directions are exchanged",
        only=BI,
    ),
    _torch("hx_only_of_the_first_layer", "values", "num_layers=3", "bidirectional=True", "hx=True", only=BI),
    _torch(
        "h_n_by_direction",
        "values",
        "bidirectional=True",
        looks="h_n is ordered by direction, then layer, instead of layer, then direction",
        only=BI,
    ),
    _torch("h_n_highest_layer_first", "values", "num_layers!=1", looks="h_n begins with the highest layer", only=RNN),
    _torch("h_n_batch_first", "shape", "batch_first=True", only={"batch_first": "true"}),
    _torch("h_n_of_the_last_layer_only", "shape", "num_layers!=1", only=GRU),
    _torch("h_n_and_c_n_exchanged", "order", "layer=lstm", only=LSTM),
    _torch("states_flat", "structure", "layer=lstm", only=LSTM),
    _torch("gru_state_in_a_tuple", "structure", "layer=gru", only=GRU),
    _torch(
        "upper_layers_read_forward_twice",
        "values",
        "num_layers!=1",
        "bidirectional=True",
        looks="layers above the first read the forward half twice",
        only=BI,
    ),
    _torch("backward_of_upper_layers_reads_forward", "values", "num_layers=3", "bidirectional=True", only=BI),
    _torch("projection_missing_in_h_n", "shape", "layer=lstm", "proj_size!=0", only=LSTM),
    _torch("projection_doubled", "values", "layer=lstm", "proj_size=1", only=LSTM),
    _torch("torch_backward_not_realigned", "values", "bidirectional=True", only=BI),
    _torch(
        "packed_states_run_on",
        "values",
        "input=packed|packed_unsorted",
        looks="states are carried on through the padding",
        only={"layer": "gru", "num_layers": "1"},
        phases=ALL,
    ),
    _torch(
        "packed_backward_starts_in_the_padding", "values", "bidirectional=True", "input=packed|packed_unsorted", only=BI
    ),
    _torch("padding_is_not_zero", "values", "input=packed|packed_unsorted", looks="the lengths are ignored", only=RNN),
    _torch(
        "h_n_in_packing_order",
        "values",
        "input=packed_unsorted",
        looks="states stay in the order in which sequences were packed, longest first",
        only=GRU,
    ),
    _torch("packed_lengths_sorted", "values", "input=packed_unsorted", only=RNN),
    _torch("unbatched_has_a_batch_axis", "shape", "input=unbatched", only={"input": "unbatched"}),
    _torch("batch_first_ignored", "shape", "batch_first=True", only={"batch_first": "true"}),
    _torch("accepts_unsorted_lengths", "rejection", "rejection=enforce_sorted", only=GRU),
    _torch("broadcasts_states", "rejection", "rejection=hx_batch", only=GRU),
    _torch("dropout_is_not_checked", "rejection", only=RNN),
    _torch("rejects_relu_without_bias", "accepted", "layer=simple_rnn", "nonlinearity=relu", "bias=False", only=RNN),
)

LIFETIME = (
    _keras("changes_its_input", "inputs_unchanged", only=RNN),
    _torch("changes_its_states", "inputs_unchanged", "hx=True", only=RNN),
    _keras("changes_its_mask", "inputs_unchanged", "mask!=none", only=RNN),
    _torch("changes_its_weights", "weights_unchanged", only=RNN),
    _keras("reuses_its_output", "earlier_results", only=RNN),
    _keras("depends_on_the_call", "determinism", only=RNN),
    _keras("keeps_state", "determinism", only=RNN),
    _torch("one_nan", "values", only=RNN),
    _keras("wrong_last_row", "values", only=RNN, phases=("random",)),
    _keras("long_sequences_cut", "values", only=RNN, phases=("random",)),
    _keras("recurrent_kernel_first", "weights", only=GRU),
)

MUTANTS = (*CELLS, *KERAS, *TORCH, *LIFETIME)
