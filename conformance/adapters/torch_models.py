"""What recurrent layers somebody's module has: `python torch_models.py package.module:factory`.

Imports that module, calls the factory (or takes the module that stands there) and writes one line of JSON: a list of
layers with their options and sizes. Nothing is unpickled.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List

LAYERS = ("RNN", "LSTM", "GRU")


def main(place: str) -> List[Dict[str, Any]]:
    """The recurrent layers of the module at a place."""
    import torch

    source, _, attribute = place.rpartition(":")
    if source.endswith(".py"):
        spec = importlib.util.spec_from_file_location("model_of_user", source)
        if spec is None or spec.loader is None:
            raise ValueError("%s is no Python file" % source)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, str(Path.cwd()))
        module = importlib.import_module(source)
    made: Any = getattr(module, attribute)
    if not isinstance(made, torch.nn.Module):
        made = made()
    if not isinstance(made, torch.nn.Module):
        raise TypeError("%s gives %s, no torch.nn.Module" % (place, type(made).__name__))
    return [told for name, part in made.named_modules() for told in described(torch, name or "the module", part)]


def described(torch: Any, name: str, part: Any) -> List[Dict[str, Any]]:
    """A layer in a list; nothing if it is no recurrent one."""
    nn, kind = torch.nn, type(part)
    none = {"name": name, "class": kind.__name__, "options": None}
    if isinstance(part, nn.RNNCellBase):
        return [{**none, "remarks": ["a cell is called step by step by the model itself"]}]
    if not isinstance(part, nn.RNNBase):
        return []
    if kind not in [getattr(nn, layer) for layer in LAYERS]:
        return [{**none, "remarks": ["a class of its own: test it by --replace"]}]
    options = {key: getattr(part, key) for key in ("num_layers", "bidirectional", "batch_first", "bias", "proj_size")}
    options["dtype"] = str(part.weight_ih_l0.dtype).replace("torch.", "")
    if kind is nn.RNN:
        options["nonlinearity"] = part.nonlinearity
    dropped = ["dropout=%g is not tested: it has no effect on inference" % part.dropout] if part.dropout else []
    sizes = {"features": part.input_size, "units": part.hidden_size}
    return [{"name": name, "class": kind.__name__, "options": options, "remarks": dropped, **sizes}]


if __name__ == "__main__":
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the user's module prints is no answer
    answer.write(json.dumps(main(sys.argv[1])) + "\n")
    answer.close()
