"""The specification as typed values: dialects, options, configurations, contracts and clauses.

Everything here is read from the data in `specs/`; nothing here knows NumPy models or frameworks.
"""

from conformance.spec.clauses import Clause, clauses_for, load_clauses
from conformance.spec.config import Case, DataSpec, LayerConfig, Sizes, canonical_json, identity
from conformance.spec.contract import (
    OutputContract,
    Tree,
    WeightContract,
    initial_states,
    input_axes,
    outputs,
    outputs_of,
    structure,
    weights,
)
from conformance.spec.dialect import (
    Dialect,
    Option,
    Rejection,
    Value,
    dialect_names,
    load_dialect,
)
from conformance.spec.paths import SPEC_VERSION, specs_path
from conformance.spec.tensors import BFLOAT16, FULL_PRECISION, Array, Floats, Tensors, as_floats, has_nan, is_real

__all__ = [
    "BFLOAT16",
    "FULL_PRECISION",
    "SPEC_VERSION",
    "Array",
    "Case",
    "Clause",
    "DataSpec",
    "Dialect",
    "Floats",
    "LayerConfig",
    "Option",
    "OutputContract",
    "Rejection",
    "Sizes",
    "Tensors",
    "Tree",
    "Value",
    "WeightContract",
    "as_floats",
    "canonical_json",
    "clauses_for",
    "dialect_names",
    "has_nan",
    "identity",
    "initial_states",
    "input_axes",
    "is_real",
    "load_clauses",
    "load_dialect",
    "outputs",
    "outputs_of",
    "specs_path",
    "structure",
    "weights",
]
