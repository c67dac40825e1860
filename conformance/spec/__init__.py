"""The specification as typed values: dialects, options, configurations, contracts and clauses.

Everything here is read from the data in `specs/`; nothing here knows NumPy models or frameworks.
"""

from conformance.spec.clauses import Clause, clauses_for, load_clauses
from conformance.spec.config import Case, DataSpec, LayerConfig, Sizes, canonical_json
from conformance.spec.contract import (
    OutputContract,
    Tree,
    WeightContract,
    initial_states,
    outputs,
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
from conformance.spec.tensors import Array, Floats, Tensors

__all__ = [
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
    "canonical_json",
    "clauses_for",
    "dialect_names",
    "initial_states",
    "load_clauses",
    "load_dialect",
    "outputs",
    "specs_path",
    "structure",
    "weights",
]
