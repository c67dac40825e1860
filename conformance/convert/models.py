"""The recurrent layers of somebody's model, as configurations. Nothing of the model is executed or unpickled here.

Of Keras a `.keras` file, an HDF5 file or the JSON of `to_json` is read. What a PyTorch module holds is told by
`conformance/adapters/torch_models.py`, in a process of its own, as the same kind of description.
"""

from __future__ import annotations

import itertools
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.errors import ConformanceError, SpecError
from conformance.spec import LayerConfig, Sizes, Value, load_dialect

BATCH, TIMESTEPS, FEATURES = 3, 7, 5
"""Sizes where the model does not say."""

OF_FACTORIES = "torch"
"""The API whose models are told by the place of what makes them."""

PROBE = "torch_models.py"
"""The adapter that tells what such a model has."""

LONGEST = 32
"""Longer sequences are cut to so many steps: every case is computed several times over."""


@dataclass(frozen=True)
class Found:
    """A layer of a model.

    Attributes:
        name: in the model.
        config: as it is built; None if it cannot be tested.
        remarks: what of it is not tested, or why it is not.
    """

    name: str
    config: LayerConfig | None
    remarks: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The layer in one line."""
        what = "not tested" if self.config is None else _said(self.config)
        return f"{self.name}: {what}" + "".join(f"; {remark}" for remark in self.remarks)


def variants(config: LayerConfig) -> list[LayerConfig]:
    """The layer, called in every way that its API offers: masks, initial states, forms of the input."""
    rules = config.rules
    asked = [option for option in rules.options.values() if option.where == "call"]
    found = []
    for values in itertools.product(*(option.values for option in asked)):
        options = {**config.options, **{option.name: value for option, value in zip(asked, values, strict=True)}}
        found.append(LayerConfig.fitting(rules.name, config.layer, options, config.sizes))
    return found


def _said(config: LayerConfig) -> str:
    options = " ".join(f"{name}={value}" for name, value in config.non_default().items())
    return f"{config.layer} {options} (features {config.sizes.features}, units {config.sizes.units})".replace("  ", " ")


# ---------------------------------------------------------------- Keras


def read_file(path: Path) -> list[Found]:
    """The recurrent layers of a Keras model.

    Raises:
        ConformanceError: the file cannot be read, is no Keras model, or has no recurrent layer.
    """
    described = _description(path)
    found = list(_layers(described, {}))
    if not found:
        raise ConformanceError(f"--model {path}: there is no recurrent layer in it{_custom(described)}")
    return found


def _description(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except OSError as error:
        raise ConformanceError(f"--model {path}: cannot be read: {error.strerror or error}; check the path") from None
    except (ValueError, KeyError, RecursionError, zipfile.BadZipFile):
        raise ConformanceError(
            f"--model {path}: is no Keras model; write it by model.save('name.keras') or model.to_json()"
        ) from None


def _text(path: Path) -> str | bytes:
    with path.open("rb") as file:
        begin = file.read(8)
    if begin.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            return archive.read("config.json")
    if begin == b"\x89HDF\r\n\x1a\n":
        try:
            import h5py
        except ImportError:
            raise ConformanceError(
                f"--model {path}: HDF5 files need h5py here; install it, or save the model as .keras"
            ) from None
        with h5py.File(path, "r") as file_:
            text: str | bytes = file_.attrs["model_config"]
        return text
    return path.read_bytes()


def _layers(node: Any, around: Mapping[str, Any]) -> Iterator[Found]:
    """All recurrent layers within a description, however deep. `around`: what the nearest enclosing object says."""
    if isinstance(node, list):
        for part in node:
            yield from _layers(part, around)
    if not isinstance(node, dict):
        return
    kind, config = node.get("class_name"), node.get("config")
    if isinstance(kind, str) and isinstance(config, dict):
        if kind in _CLASSES or kind in ("Bidirectional", "RNN"):
            yield _found(kind, config, node)
            return
        if kind.startswith("ConvLSTM"):
            yield Found(_name(kind, config), None, (f"{kind} is not specified",))
            return
    for part in node.values():
        yield from _layers(part, node)


_KERAS = load_dialect("keras")
_CLASSES = {layer.class_name: name for name, layer in _KERAS.layers.items()}
_CELLS = {f"{layer.class_name}Cell": name for name, layer in _KERAS.layers.items()}


def _name(kind: str, config: Mapping[str, Any]) -> str:
    return f"{kind} '{config.get('name', '?')}'"


def _found(kind: str, config: Mapping[str, Any], node: Mapping[str, Any]) -> Found:
    """A layer with what it consists of."""
    name, wrapper = _name(kind, config), dict[str, Value]()
    try:
        if kind == "Bidirectional":
            inner = config.get("layer") or {}
            if not _mirrored(inner, config.get("backward_layer")):
                return Found(name, None, ("a backward layer of its own is not specified",))
            wrapper = {"bidirectional": True, "merge_mode": str(config.get("merge_mode", "concat"))}
            kind, config = str(inner.get("class_name")), {**inner.get("config", {})}
        if kind == "RNN":
            cell = config.get("cell") or {}
            if cell.get("class_name") not in _CELLS:
                return Found(name, None, (f"its cell {cell.get('class_name')} is not specified",))
            layer = _CELLS[cell["class_name"]]
            config = {**config, **cell.get("config", {})}
        elif kind in _CLASSES:
            layer = _CLASSES[kind]
        else:
            return Found(name, None, (f"what it wraps, {kind}, is not specified",))
        return _mapped(name, layer, config, wrapper, node)
    except (SpecError, TypeError, AttributeError, ValueError) as error:
        return Found(name, None, (str(error).replace("\n", " "),))


def _mirrored(forward: Mapping[str, Any], backward: Mapping[str, Any] | None) -> bool:
    """Whether a backward layer is the one that Keras generates, which it writes down, too."""
    if backward is None:
        return True
    ours, theirs = forward.get("config", {}), backward.get("config", {})
    options = [option.name for option in _KERAS.options.values() if option.where == "constructor"]
    names = {*options, "units", "stateful"} - {"go_backwards", "zero_output_for_mask"}  # the wrapper sets these two
    return (
        forward.get("class_name") == backward.get("class_name")
        and ours.get("go_backwards", False) != theirs.get("go_backwards", False)
        and all(ours.get(name) == theirs.get(name) for name in names)
    )


def _mapped(
    name: str, layer: str, config: Mapping[str, Any], wrapper: Mapping[str, Value], node: Mapping[str, Any]
) -> Found:
    remarks: list[str] = []
    options: dict[str, Value] = {"dtype": _dtype(config.get("dtype", "float32")), **wrapper}
    for option in _KERAS.options.values():
        if option.where == "constructor" and layer in option.layers and option.name in config:
            options[option.name] = _plain(config[option.name])
    for rate in ("dropout", "recurrent_dropout"):
        if config.get(rate):
            remarks.append(f"{rate}={config[rate]} is not tested: it has no effect on inference")
    if config.get("stateful"):
        remarks.append("stateful=True is tested by the law of that name, with other sizes")
    shape = (node.get("build_config") or {}).get("input_shape") or [None, None, None]
    steps, features = shape[1] if len(shape) == 3 else None, shape[-1]
    if features is None:
        remarks.append(f"the file does not say how many features; {FEATURES} are taken")
    if steps is not None and steps > LONGEST:
        remarks.append(f"{steps} steps are cut to {LONGEST}")
    sizes = Sizes(BATCH, max(3, min(steps or TIMESTEPS, LONGEST)), features or FEATURES, int(config["units"]))
    return Found(name, LayerConfig.fitting("keras", layer, options, sizes), tuple(remarks))


def _dtype(said: Any) -> str:
    """The type of a policy, however it is spelled."""
    if isinstance(said, dict):
        said = said.get("config", {}).get("name", said)
    return str(said)


def _plain(value: Any) -> Value:
    """The value of an option; a function by its name."""
    if isinstance(value, dict):
        value = value.get("config", value)
    return value if isinstance(value, bool | int | str) else str(value)


def _custom(node: Any) -> str:
    """Which custom objects are there, for an error."""
    names = sorted(set(_registered(node)))
    return f"; what its custom objects {', '.join(names)} do cannot be seen: test them by --replace" if names else ""


def _registered(node: Any) -> Iterator[str]:
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and isinstance(node.get("registered_name"), str) and "class_name" in node:
        module = str(node.get("module") or "")
        if not module.startswith("keras"):
            yield str(node["class_name"])
    for part in parts:
        yield from _registered(part)


# ---------------------------------------------------------------- PyTorch


def described(told: list[dict[str, Any]], place: str) -> list[Found]:
    """The recurrent layers that `torch_models.py` told of.

    Raises:
        ConformanceError: there are none.
    """
    if not told:
        raise ConformanceError(f"--model {place}: there is no recurrent layer in it")
    return [_of_torch(one) for one in told]


def _of_torch(told: Mapping[str, Any]) -> Found:
    rules = load_dialect("torch")
    name, remarks = f"{told['class']} '{told['name']}'", tuple(told["remarks"])
    layers = {layer.class_name: key for key, layer in rules.layers.items()}
    if told["options"] is None:
        return Found(name, None, remarks)
    layer = layers[told["class"]]
    options = {key: value for key, value in told["options"].items() if layer in rules.options[key].layers}
    sizes = Sizes(BATCH, TIMESTEPS, told["features"], told["units"])
    try:
        return Found(name, LayerConfig.fitting("torch", layer, options, sizes), remarks)
    except SpecError as error:
        return Found(name, None, (*remarks, str(error)))
