"""What an implementation in Python says it can do: by its attributes, by its signature, or in words given for it.

docs/custom.md lists the claims.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Set

Options = Dict[str, List[Any]]

CLAIMS = (
    "layers", "options", "dtypes", "sizes", "rejections", "initial_weights", "threads", "stateful", "gradients",
    "dropout", "mixed",
)  # fmt: skip
"""What an implementation can say of itself, as attributes or in words that take their place."""

DEFAULT = object()
"""In the place of an argument that a constructor is not to be given."""

HALF = ("float16", "bfloat16")
"""Types that only those have who say so."""

LAYERS = ("simple_rnn", "lstm", "gru")
SIZES = ("batch", "timesteps", "features", "units")


class Claims(NamedTuple):
    """What an implementation says it can do.

    Attributes:
        layers: kinds of layer.
        options: every option -> the supported values.
        sizes: size -> the supported values; a size that is not named may have any.
        rejections: whether it refuses what the dialect says must be refused.
        initial_weights: whether it makes its own weights, with the initial values that the dialect promises.
        threads: whether it can be called from several threads at a time.
        stateful: whether it can be built to keep its states between calls.
        gradients: whether it can be trained.
        dropout: whether it has the arguments that drop something in training.
        mixed: whether it can keep its weights in float32 and compute in a half type.
    """

    layers: List[str]
    options: Options
    sizes: Dict[str, List[int]]
    rejections: bool
    initial_weights: bool
    threads: bool
    stateful: bool
    gradients: bool
    dropout: bool
    mixed: bool

    def capabilities(self, modes: Sequence[str], features: Sequence[str]) -> Dict[str, Any]:
        """As `hello` tells them; `features` are those that the adapter has for layers that claim them."""
        claimed = {name: name for name in ("threads", "stateful", "gradients", "initial_weights", "dropout", "mixed")}
        claimed.update(train="gradients", targets="gradients")
        return {
            "layers": self.layers,
            "options": self.options,
            "modes": list(modes),
            "sizes": self.sizes,
            "rejections": self.rejections,
            "features": [it for it in features if it not in claimed or getattr(self, claimed[it])],
        }


def claims_of(implementation: Any, known: Options, possible: Options, given: Mapping[str, Any]) -> Claims:
    """What `given` says, or else the attributes of the implementation; an error if it makes no sense.

    Args:
        implementation: a class or function.
        known: option -> its values, the default first.
        possible: the options that it has if it does not say which.
        given: what is claimed for it, in place of what it says itself.
    """
    unknown = [name for name in given if name not in CLAIMS]
    if unknown:
        raise ValueError("there is no claim %r; there are %s" % (unknown[0], ", ".join(CLAIMS)))
    said = {name: given[name] if name in given else getattr(implementation, name, None) for name in CLAIMS}
    layers = _list("layers", said["layers"] or [])
    if not layers or any(layer not in LAYERS for layer in layers):
        raise ValueError("it claims layers=%r; name one or more of %s" % (layers, ", ".join(LAYERS)))
    return Claims(
        layers,
        _options(known, possible, said["options"], said["dtypes"]),
        _sizes(said["sizes"]),
        bool(said["rejections"]),
        bool(said["initial_weights"]),
        said["threads"] is not False,
        bool(said["stateful"]),
        said["gradients"] is not False,
        bool(said["dropout"]),
        bool(said["mixed"]),
    )


def _options(known: Options, possible: Options, claimed: Any, dtypes: Any) -> Options:
    """Every option with its claimed values."""
    if claimed is None:
        options = dict(possible)
        options["dtype"] = [dtype for dtype in possible["dtype"] if dtype not in HALF]
    else:
        table = _table("options", claimed, known)
        options = {name: table.get(name, values[:1]) for name, values in known.items()}
    if dtypes is not None:
        options["dtype"] = _list("dtypes", dtypes)
    for name, values in options.items():
        for value in values:
            if not among(value, known[name]):
                listed = ", ".join(map(repr, known[name]))
                raise ValueError("it claims %s=%r; the values of %s are %s" % (name, value, name, listed))
    return options


def _sizes(claimed: Any) -> Dict[str, List[int]]:
    sizes = _table("sizes", {} if claimed is None else claimed, SIZES)
    for name, values in sizes.items():
        if not values or not all(type(value) is int and value > 0 for value in values):
            raise ValueError("it claims the sizes %s=%r; sizes are whole numbers from 1" % (name, values))
    return sizes


def _table(what: str, claimed: Any, known: Any) -> Dict[str, List[Any]]:
    if not isinstance(claimed, Mapping):
        raise TypeError("its %s are %s, not a dictionary of lists" % (what, type(claimed).__name__))
    for name in claimed:
        if name not in known:
            raise ValueError("its %s name %r; there are %s" % (what, name, ", ".join(known)))
    return {name: _list(name, values) for name, values in claimed.items()}


def _list(name: str, values: Any) -> List[Any]:
    if isinstance(values, str) or not isinstance(values, (list, tuple, set, frozenset)):
        raise TypeError("it claims %s=%r; a list of values is meant" % (name, values))
    return list(values)


def among(value: Any, known: Sequence[Any]) -> bool:
    """Whether it is one of them, of the same type: 1 is not True."""
    return any(value == other and type(value) is type(other) for other in known)


def given(*arguments: Mapping[str, Any]) -> Dict[str, Any]:
    """Arguments of a constructor, later ones in the place of earlier ones, without those that it is not to be given."""
    merged = {name: value for some in arguments for name, value in some.items()}
    return {name: value for name, value in merged.items() if value is not DEFAULT}


# ---------------------------------------------------------------- what a signature tells


def takes(function: Any, argument: str) -> bool:
    """Whether a call can have this argument, as far as the signature tells."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True
    return argument in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def binds(function: Any, *arguments: Any) -> bool:
    """Whether it can be called so, as far as the signature tells."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def check_bind(form: str, function: Any, *arguments: Any, **keywords: Any) -> None:
    """`TypeError` if the function cannot be called so; `form` spells the call."""
    try:
        inspect.signature(function).bind(*arguments, **keywords)
    except ValueError:  # no signature is known, as for some compiled functions
        return
    except TypeError as error:
        raise TypeError("it cannot be called as %s: %s" % (form, error)) from None


def constructor_arguments(kind: Any, framework: type) -> Optional[FrozenSet[str]]:
    """The names that a constructor takes, `**kwargs` followed to the base classes; None: all that `framework` takes."""
    names: Set[str] = set()
    for base in getattr(kind, "__mro__", ()):
        if base is framework:
            return None
        parameters = inspect.signature(vars(base)["__init__"]).parameters if "__init__" in vars(base) else {}
        names.update(parameters)
        if parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return frozenset(names)
    return None  # a function


def check_constructor(kind: Any, **arguments: Any) -> None:
    """`TypeError` if a class (or a function that gives objects) does not take these arguments by keyword."""
    form = "%s(%s)" % (getattr(kind, "__name__", type(kind).__name__), ", ".join("%s=..." % name for name in arguments))
    if inspect.isclass(kind):  # a base class with a __new__ of its own would hide the signature of __init__
        check_bind(form, kind.__init__, None, **arguments)
    else:
        check_bind(form, kind, **arguments)


def narrowed(known: Options, has: Callable[[str], bool]) -> Options:
    """Every option with all its values, or with its default alone where `has` denies it."""
    return {name: list(values) if has(name) else values[:1] for name, values in known.items()}


def not_default(known: Options, given: Mapping[str, Any]) -> Dict[str, Any]:
    """The arguments that are not the defaults of their options."""
    return {name: value for name, value in given.items() if name not in known or value != known[name][0]}
