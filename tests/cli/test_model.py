"""`run --model`: which layers a model file has, which of them are tested, and what is said of the others."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from driving import framework

from conformance.cli import main
from conformance.convert.models import read_file, variants
from conformance.errors import ConformanceError

HONEST = f"cmd:{sys.executable} {Path(__file__).parents[1] / 'workers' / 'fakes' / 'numpy_layers.py'} keras"


def layer(kind: str, shape: tuple[int | None, ...] = (None, 10, 4), **config: Any) -> dict[str, Any]:
    """A layer as Keras describes it."""
    said = {"name": kind.lower(), "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}}, **config}
    described: dict[str, Any] = {"module": "keras.layers", "class_name": kind, "config": said}
    return {**described, "registered_name": None, "build_config": {"input_shape": list(shape)}}


def model(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "module": "keras", "config": {"name": "mine", "layers": list(layers)}}


LSTM = layer("LSTM", units=5, return_sequences=True, dropout=0.3)
BACKWARD = layer("LSTM", units=5, return_sequences=True, go_backwards=True, bias_initializer={"shared_object_id": 7})
OTHER = layer("LSTM", units=9, go_backwards=True)

NESTED = model(
    layer("Dense", units=3),
    layer("TimeDistributed", layer=layer("GRU", units=6, reset_after=False, name="inner")),
    model(layer("Bidirectional", layer=LSTM, backward_layer=BACKWARD, merge_mode="sum")),
    layer("RNN", cell=layer("SimpleRNNCell", units=2, activation="relu"), go_backwards=True),
    layer("LSTM", units=4, activation="gelu", name="strange"),
    layer("ConvLSTM2D", filters=3),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(NESTED))
    return path


def test_every_recurrent_layer_is_found_however_deep(file: Path) -> None:
    gru, both, rnn, strange, convolutional = read_file(file)
    assert gru.config is not None
    assert (gru.config.layer, gru.config.sizes.units, gru.config.options["reset_after"]) == ("gru", 6, False)
    assert both.config is not None
    assert both.config.non_default() == {"bidirectional": True, "merge_mode": "sum", "return_sequences": True}
    assert (both.config.sizes.features, both.config.sizes.timesteps) == (4, 10)
    assert rnn.config is not None
    assert rnn.config.non_default() == {"go_backwards": True, "activation": "relu"}
    assert strange.config is None
    assert convolutional.config is None


def test_what_is_not_tested_is_said_in_one_line_each(file: Path) -> None:
    lines = [found.line for found in read_file(file)]
    assert "dropout=0.3 is not tested: it has no effect on inference" in lines[1]
    assert lines[3].startswith("LSTM 'strange': not tested; ")
    assert "gelu" in lines[3]
    assert lines[4] == "ConvLSTM2D 'convlstm2d': not tested; ConvLSTM2D is not specified"
    assert not any("\n" in line for line in lines)


def test_a_layer_is_called_in_every_way_that_its_api_has(file: Path) -> None:
    config = read_file(file)[0].config
    assert config is not None
    called = {(one.options["mask"], one.options["initial_state"]) for one in variants(config)}
    assert called == {(m, s) for m in ("none", "right", "left", "gaps", "full_rows") for s in (False, True)}
    assert {one.options["reset_after"] for one in variants(config)} == {False}


def test_a_backward_layer_of_its_own_is_said_not_to_be_tested(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model(layer("Bidirectional", layer=LSTM, backward_layer=OTHER))), encoding="utf-8")
    (found,) = read_file(path)
    assert found.config is None
    assert "a backward layer of its own is not specified" in found.line


CUSTOM = {**layer("Own", units=3), "module": None, "registered_name": "mine>Own"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps(model(layer("Dense", units=3))), "there is no recurrent layer in it"),
        (json.dumps(model(CUSTOM)), "what its custom objects Own do cannot be seen: test them by --replace"),
        ("{", "is no Keras model; write it by"),
        ("PK broken", "is no Keras model; write it by"),
    ],
)
def test_a_file_without_layers_that_can_be_tested_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConformanceError, match=message) as caught:
        read_file(path)
    assert "\n" not in str(caught.value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments, "--profile", "quick", "--seed", "1"])


def test_only_the_layers_of_the_model_are_run(file: Path, tmp_path: Path) -> None:
    result = run(HONEST, "--model", str(file), "--out", str(tmp_path / "out"), "--max-cases", "200")
    assert result.exit_code == 0, result.output
    lines = (tmp_path / "out" / "results.jsonl").read_text(encoding="ascii").splitlines()
    cases = [record["case"]["config"] for record in map(json.loads, lines) if record["type"] == "result"]
    assert {case["layer"] for case in cases} <= {"gru", "lstm", "simple_rnn"}
    assert {case["sizes"]["units"] for case in cases} <= {2, 5, 6}
    assert "model: GRU 'inner': gru reset_after=False (features " in result.output


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.keras", "cannot be read: No such file or directory; check the path"),
        ("weights.pt", "nothing is unpickled; name what makes it, package.module:factory"),
        ("mypkg.models:build", "a factory of a module needs the implementation torch"),
    ],
)
def test_a_model_that_cannot_be_read_is_one_line_and_nothing_is_run(tmp_path: Path, name: str, message: str) -> None:
    result = run(HONEST, "--model", name, "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.framework
def test_a_torch_module_is_made_in_a_process_of_its_own(tmp_path: Path) -> None:
    framework("torch")
    source = tmp_path / "mine.py"
    source.write_text(
        "import torch\n"
        "class Own(torch.nn.GRU): pass\n"
        "def build():\n"
        "    print('noise')\n"
        "    parts = dict(a=torch.nn.LSTM(4, 5, 2, dropout=0.5), b=torch.nn.GRUCell(3, 3), c=Own(2, 2))\n"
        "    return torch.nn.ModuleDict(parts)\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    result = run("torch", "--model", f"{source}:build", "--out", str(out), "--only", "input=batched hx=false")
    assert "model: LSTM 'a': lstm num_layers=2 (features 4, units 5); dropout=0.5 is not tested" in result.output
    assert "model: GRUCell 'b': not tested; a cell is called step by step" in result.output
    assert "model: Own 'c': not tested; a class of its own: test it by --replace" in result.output
    assert result.exit_code == 0, result.output
    wrong = run("torch", "--model", f"{source}:nothing", "--out", str(out))
    assert wrong.exit_code == 2
    assert "has no attribute 'nothing'" in wrong.output.splitlines()[-1]
