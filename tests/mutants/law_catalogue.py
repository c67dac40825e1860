"""The planted faults that need more than one call: each is found by the law that it breaks."""

from __future__ import annotations

from dataclasses import replace

from entries import ALL, BI, GRU, LSTM, RNN, Mutant

from conformance.generate.phases import PROFILES

ALL_LAWS = replace(
    PROFILES["quick"], name="laws", draws=2, sizes=0, experiments=40, laws=100, meaning="all laws on few draws"
)
"""More laws than there are: one more changes nothing here."""


def keras(fault: str, check: str, *when: str, **more: object) -> Mutant:
    return Mutant(fault, "keras", check, when, profile=ALL_LAWS, **more)  # type: ignore[arg-type]


def torch(fault: str, check: str, *when: str, **more: object) -> Mutant:
    return Mutant(fault, "torch", check, when, profile=ALL_LAWS, **more)  # type: ignore[arg-type]


ONE_WAY = {"bidirectional": "false"}
SEQUENCES = {"return_sequences": "true"}
UNMASKED = {"mask": "none"}

DATA = (
    torch("scaled_by_the_largest", "rows", only=GRU),
    keras("rows_of_nan_go_last", "rows", only=RNN),
    keras("mask_multiplies", "padding", only=RNN),
    torch("padding_multiplies", "padding", "input=packed|packed_unsorted", only=RNN),
    keras("full_mask_forgets_states", "full_mask", "initial_state=True", only=UNMASKED, phases=ALL),
    keras("full_mask_reads_forwards", "full_mask", only={"mask": "none", **RNN}),
    keras("equal_lengths_need_no_mask", "masked_tail", only=RNN),
    keras("two_masked_columns_are_the_end", "masked_tail", only=GRU),
    keras("zero_states_are_replaced", "zero_state", only=RNN),
    torch("zero_hx_skips_the_recurrent_bias", "zero_state", only=GRU),
    keras("remembered_beginning_is_one_step_off", "causality", only={**SEQUENCES, **UNMASKED}, phases=ALL),
    torch("remembered_beginning_is_one_step_off", "causality", only=RNN),
    keras("tanh_clips_nan", "not_a_number", "layer=simple_rnn", only={"activation": "tanh"}),
    keras("zeroes_by_multiplication", "not_a_number", only=SEQUENCES),
    torch("nan_counts_as_zero", "not_a_number", only=GRU),
    keras("tanh_overflows", "infinity", only={"activation": "tanh"}),
    keras("sigmoid_overflows", "infinity", only=LSTM),
    torch("infinite_inputs_ignored", "infinity", only=RNN),
)

PASSES = (
    torch("states_scrambled_on_the_way_back", "chunks", only=GRU),
    keras("own_states_lose_c", "chunks", only=LSTM),
    keras("direction_by_kernel", "time_reversal", only={**ONE_WAY, **RNN}),
    keras("go_backwards_starts_late", "time_reversal", only={"go_backwards": "false", **ONE_WAY}),
    torch("direction_by_kernel", "two_directions", only={"num_layers": "1", **BI}),
    keras("bias_ignored_in_one_direction", "two_directions", "use_bias=True", only={"go_backwards": "false", **BI}),
    keras("weights_known_by_their_sum", "direction_swap", only=BI),
    torch("weights_known_by_their_sum", "direction_swap", only={"num_layers": "1", **BI}),
    keras("merge_by_kernel", "merge_modes", only=BI),
    keras("unmerged_is_not_realigned", "merge_modes", "return_sequences=True", only={"merge_mode": "sum"}),
    keras("activation_by_kernel", "option_effect", only=RNN),
    torch("relu_is_tanh", "option_effect", only={"nonlinearity": "tanh"}),
)

LIFE = (
    keras("reads_memory_in_order", "layouts", only=RNN),
    keras("works_in_place", "layouts", only=RNN),
    torch("assumes_no_gaps", "layouts", only=RNN),
    keras("state_in_the_cell", "threads", only=GRU),
    torch("input_in_the_layer", "threads", only=RNN),
    keras("workspace_of_all", "threads", only=RNN),
    keras("memoised", "ownership", only=RNN),
    torch("lengths_are_the_callers", "ownership", only=RNN),
    keras("recurrent_kernel_shared", "instances", only={**ONE_WAY, **RNN}),
    torch("biases_shared", "instances", only={"num_layers": "1", "bias": "true", **ONE_WAY}),
    keras("mask_remembered", "history", only=RNN),
    torch("states_remembered", "history", only=GRU),
    keras("zeros_for_the_first_batch", "history", only=GRU),
    keras("reset_forgets_h_alone", "stateful", "layer=lstm", only=LSTM),
    keras("directions_go_on_from_the_forward_state", "stateful", "bidirectional=True", only=BI),
    keras("given_states_are_added_to_kept_ones", "stateful", "initial_state=True", only=GRU),
    keras("given_states_leave_no_trace", "stateful", only={**ONE_WAY, "initial_state": "true"}),
    keras("evaluation_leaves_no_trace", "stateful", phases=ALL, only={**UNMASKED, "return_sequences": "false"}),
    keras("training_ends_with_a_reset", "stateful", phases=ALL, only={**UNMASKED, "return_sequences": "false"}),
    keras("training_reads_its_batch_twice", "stateful", phases=ALL, only={**UNMASKED, "return_sequences": "false"}),
)

TRAINING = (
    keras("slope_of_tanh_by_an_old_output", "gradients", "activation=tanh", phases=ALL, only=RNN),
    keras("cell_state_detached", "gradients", "layer=lstm", phases=ALL, only=LSTM),
    keras(
        "masked_steps_have_no_gradient",
        "gradients",
        "return_sequences=True",
        "zero_output_for_mask=False",
        phases=ALL,
        only=SEQUENCES,
    ),
    keras("biases_have_one_gradient", "gradients", "reset_after=True", phases=ALL, only=GRU),
    keras("truncated_after_four_steps", "gradients", "timesteps>4", phases=ALL, only=RNN),
    keras("initial_state_has_no_gradient", "gradients", "initial_state=True", phases=ALL, only=GRU),
)

DESCENT = (
    keras("rate_counts_twice", "descent", only=RNN),
    keras("bias_not_trained", "descent", "use_bias=True", only=RNN),
    keras("frozen_is_trained", "descent", only=RNN),
    keras("gradient_of_the_step_before", "descent", only=RNN),
    keras("gradients_never_set_to_zero", "descent", only=RNN),
    keras("loss_is_a_mean", "descent", only=RNN),
    keras("frozen_layer_trains_its_bias", "descent", "use_bias=True", only=RNN),
    keras("frozen_for_good", "squared_error", only=RNN),
    keras("squares_without_their_factor", "squared_error", only=RNN),
    keras("squares_are_added_up", "squared_error", only=RNN),
    keras("errors_of_the_first_step", "squared_error", only=RNN),
    keras("states_have_no_target", "squared_error", "return_state=True", only=RNN),
)

REGULARIZERS = (
    keras("bias_penalty_forgotten", "penalties", "use_bias=True", only=GRU),
    keras("output_penalty_forgotten", "penalties", "layer=simple_rnn", only=ONE_WAY),
    keras("output_penalty_not_divided", "penalties", only=GRU),
    keras("regularizers_exchanged", "penalties", only=RNN),
    keras("one_direction_is_penalized", "penalties", "bidirectional=True", only=LSTM),
    keras("penalties_add_up", "penalties", only=GRU),
    keras("last_output_is_penalized", "penalties", "return_sequences=True", only=LSTM),
    keras("penalties_not_trained", "regularized_training", only=RNN),
    keras("output_penalty_not_trained", "regularized_training", "return_state=False", phases=ALL, only=RNN),
    keras("slope_of_the_output_not_divided", "regularized_training", "return_state=False", phases=ALL, only=RNN),
    keras("slope_of_squares_is_halved", "regularized_training", only=RNN),
    keras("constrained_before_the_step", "regularized_training", only=RNN),
    keras("all_weights_constrained", "regularized_training", only=RNN),
    keras("constrained_once", "regularized_training", only=RNN),
    keras("frozen_is_constrained", "regularized_training", phases=ALL, only=RNN),
    keras("norms_of_whole_weights", "regularized_training", only=RNN),
    keras("norms_are_moved_all_the_way", "regularized_training", phases=ALL, only=RNN),
    keras("small_norms_stay", "regularized_training", phases=ALL, only=RNN),
)

START = (
    keras("gates_drawn_one_by_one", "initial_distribution", only=LSTM),
    keras("recurrent_gates_drawn_one_by_one", "initial_distribution", only=GRU),
    keras("recurrent_kernel_not_orthogonal", "initial_distribution", only=RNN),
    keras("kernel_too_narrow", "initial_distribution", only=RNN),
    torch("normal_in_the_place_of_uniform", "initial_distribution", only=RNN),
    torch("new_biases_are_zero", "initial_distribution", "bias=True", only=RNN),
    keras("every_layer_starts_alike", "initial_distribution", only=RNN),
    torch("gates_start_alike", "initial_distribution", only=GRU),
)

DROPOUT = (
    keras("mask_redrawn_at_every_step", "dropout", only=RNN),
    keras("dropout_not_scaled", "dropout", only=RNN),
    keras("dropout_in_use", "dropout", only=RNN),
    keras("one_mask_for_all_rows", "dropout", only=RNN),
    keras("recurrent_mask_on_the_state", "dropout", "layer=lstm", only=LSTM),
    keras("recurrent_mask_on_the_old_state", "dropout", "layer=gru", only=GRU),
    keras("one_gate_not_dropped", "dropout", "layer=lstm", only=LSTM),
    keras("one_mask_for_all_gates", "dropout", only=GRU),
    keras("seed_ignored", "dropout", only=RNN),
    keras("seed_used_anew", "dropout", only=RNN),
    keras("rate_is_what_is_kept", "dropout", only=RNN),
    keras("rates_exchanged", "dropout", only=RNN),
    torch("dropout_not_scaled", "dropout", "num_layers!=1", only=RNN),
    torch("everything_dropped_is_nothing_dropped", "dropout", "num_layers!=1", only=RNN),
    torch("one_mask_for_all_steps", "dropout", "num_layers!=1", only=RNN),
    torch("last_layer_dropped", "dropout", only=RNN),
    torch("dropped_in_use_between", "dropout", "num_layers!=1", only=RNN),
)


def half(fault: str, *when: str, dialect: str = "keras") -> Mutant:
    """In float16, which is covered apart from all other options."""
    apart = replace(ALL_LAWS, sizes=1)
    return Mutant(fault, dialect, "mixed_precision", when, only={"dtype": "float16"}, profile=apart)


MIXED = (
    half("weights_narrowed_for_good"),
    half("mixed_computes_in_float32"),
    half("mixed_is_declared_in_float32"),
    half("given_states_are_not_narrowed", "return_state=True", "initial_state=True"),
    half("narrowed_once"),
    half("autocast_forgets_hx", "hx=True", dialect="torch"),
)

DECLARED = (
    keras("float64_is_declared_float32", "declared", "dtype=float64", only=RNN),
    keras("states_are_declared_without_batch", "declared", "return_state=True", only=GRU),
    keras("declared_as_a_list", "declared", phases=ALL, only=RNN),
    keras("unmerged_is_declared_concatenated", "declared", "merge_mode=None", only=BI),
    keras("unknown_batch_is_that_of_the_build", "declared", only=RNN),
    keras("mask_is_handed_on_without_sequences", "declared", "return_sequences=False", only=ONE_WAY),
    keras("mask_is_handed_on_in_order_of_time", "declared", "go_backwards=True", phases=ALL, only=SEQUENCES),
    keras("known_sizes_are_declared_unknown", "declared", only=RNN),
    keras("states_are_declared_merged", "declared", "merge_mode=concat", "return_state=True", phases=ALL, only=BI),
    keras("unmerged_is_declared_nested", "declared", "merge_mode=None", "return_state=True", phases=ALL, only=BI),
    keras(
        "sequence_is_declared_without_its_states",
        "declared",
        "return_sequences=True",
        "return_state=True",
        phases=ALL,
        only=SEQUENCES,
    ),
    keras("mask_is_not_handed_on", "declared", "return_sequences=True", "mask!=none", phases=ALL, only=SEQUENCES),
    keras(
        "mask_of_two_directions_is_lost_with_states",
        "declared",
        "return_state=True",
        "mask!=none",
        phases=ALL,
        only=SEQUENCES | BI,
    ),
    keras("one_mask_for_two_outputs", "declared", "merge_mode=None", "mask!=none", phases=ALL, only=SEQUENCES | BI),
    keras("mask_of_two_directions_is_turned_round", "declared", "mask!=none", phases=ALL, only=SEQUENCES | BI),
    keras("states_are_handed_on_with_the_mask", "declared", "return_state=True", only=SEQUENCES),
    keras("stateful_layers_declare_their_states", "declared", "return_state=False", phases=ALL, only=RNN),
    torch("directions_are_declared_as_one", "declared", "bidirectional=True", phases=ALL),
    torch("cell_state_is_declared_projected", "declared", only=LSTM),
    torch(
        "states_are_declared_batch_first",
        "declared",
        "batch_first=True",
        phases=ALL,
        only={"batch_first": "true", **GRU},
    ),
)

ROUTES = (
    torch("copied_without_the_second_bias", "routes", "bias=True", only=RNN),
    torch("mapped_over_rows_with_one_state", "routes", phases=ALL, only={"input": "batched", "hx": "true"}),
    torch("padded_with_the_last_step", "routes", only=RNN),
    keras("upper_layer_begins_anew", "routes", phases=ALL, only={**UNMASKED, **ONE_WAY}),
    keras("upper_layer_keeps_half_of_its_state", "routes", phases=ALL, only={**UNMASKED, **LSTM}),
    keras("fused_gates_not_reordered", "routes", "layer=gru", phases=ALL, only=GRU),
    keras("fused_without_recurrent_bias", "routes", "layer=gru", phases=ALL, only=GRU),
    torch("exported_without_hx", "runtimes", "hx=True", only=LSTM),
    torch("exported_with_the_other_gru", "runtimes", "layer=gru", only=GRU),
    torch("exported_for_its_example", "runtimes", only=LSTM),
)

CURVATURE = (
    torch("slope_without_slope", "curvature", only=RNN),
    torch("curvature_within_steps_alone", "curvature", only=RNN),
    torch("gradients_instead_of_curvature", "curvature", only=RNN),
    keras("curvature_without_cell_state", "curvature", "layer=lstm", phases=ALL, only=LSTM),
    keras("curvature_without_masked_steps", "curvature", "return_sequences=True", phases=ALL, only=SEQUENCES),
    keras("curvature_along_one_direction", "curvature", phases=ALL, only=GRU),
)

QUANTIZATION = (
    torch("four_bits", "quantization", only=LSTM),
    torch("recurrent_kernel_cut_off", "quantization", only=GRU),
    torch("quantized_without_hx", "quantization", "hx=True", only=LSTM),
)

LAW_FAULTS = (
    *DATA,
    *PASSES,
    *LIFE,
    *TRAINING,
    *DESCENT,
    *REGULARIZERS,
    *START,
    *DROPOUT,
    *MIXED,
    *DECLARED,
    *ROUTES,
    *CURVATURE,
    *QUANTIZATION,
)
