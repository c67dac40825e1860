"""The consumer in docs/vectors.md does what the page says, and the page tells the whole form of the vectors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from conformance.spec import specs_path

PAGE = (Path(__file__).parents[2] / "docs" / "vectors.md").read_text(encoding="utf-8")

MINE = dedent("""
    import numpy as np


    def sigmoid(x):
        return 1 / (1 + np.exp(-x))


    def layer(config, weights, x, mask, lengths, initial_state):
        \"\"\"SimpleRNN and LSTM of Keras, forward and without masks.\"\"\"
        options, layer = config["options"], config["layer"]
        plain = {"bidirectional": False, "activation": "tanh", "go_backwards": False, "mask": "none"}
        if layer == "gru" or any(options.get(name) != value for name, value in plain.items()):
            return None
        if options.get("recurrent_activation", "sigmoid") != "sigmoid":
            return None
        states = initial_state or [np.zeros((len(x), config["sizes"]["units"]), x.dtype) for _ in "hc"]
        kernel, recurrent, *bias = weights
        sequence = []
        for t in range(x.shape[1]):
            z = x[:, t] @ kernel + states[0] @ recurrent + (bias[0] if bias else 0)
            if layer == "simple_rnn":
                states = [np.tanh(z)]
            else:
                i, f, g, o = np.split(z, 4, axis=1)
                c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
                states = [sigmoid(o) * np.tanh(c), c]
            sequence.append(states[0])
        output = np.stack(sequence, axis=1) if options["return_sequences"] else states[0]
        return [output, *states] if options["return_state"] else [output]
""")


def consumed(tmp_path: Path, implementation: str, dialect: str = "keras") -> tuple[int, list[str]]:
    """The exit code and the lines of the page's program with an implementation."""
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    (tmp_path / "consumer.py").write_text(found.group(1))
    (tmp_path / "my_package.py").write_text(implementation)
    command = [sys.executable, "consumer.py", str(specs_path() / "vectors" / f"{dialect}.json")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def counts(lines: list[str]) -> dict[str, int]:
    found: dict[str, int] = json.loads(lines[-1].replace("'", '"'))
    return found


def test_a_right_implementation_passes_in_what_it_supports(tmp_path: Path) -> None:
    code, lines = consumed(tmp_path, MINE)
    assert code == 0, lines
    assert counts(lines)["pass"] > 15
    assert counts(lines)["fail"] == 0
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("i, f, g, o = np.split", "i, f, o, g = np.split", "lstm output[0] is"),
        ("[output, *states]", "[*states, output]", "output is"),
        ("[output, *states]", "[output]", "1 outputs, must be 3"),
        ("else [output]", "else [output.astype('float16')]", "float16"),
        ("else [output]", "else [output * np.nan]", "is nan, must be"),
    ],
)
def test_a_wrong_one_fails(right: str, wrong: str, message: str, tmp_path: Path) -> None:
    assert MINE.count(right) == 1
    code, lines = consumed(tmp_path, MINE.replace(right, wrong))
    assert code == 1
    assert any(message in line for line in lines), lines
    assert counts(lines)["fail"] == len(lines) - 1


def test_an_implementation_of_nothing_supports_nothing(tmp_path: Path) -> None:
    code, lines = consumed(tmp_path, "def layer(*_): return None", "torch")
    assert code == 0
    assert set(counts(lines)) == {"pass", "fail", "unsupported"}
    assert counts(lines)["unsupported"] == sum(counts(lines).values()) > 120


def test_the_page_names_every_field() -> None:
    schema = json.loads((specs_path() / "schemas" / "vectors.schema.json").read_text(encoding="utf-8"))
    vector = schema["$defs"]["vector"]["properties"]
    fields = {*schema["properties"], *vector, *vector["given"]["properties"], *vector["expected"]["properties"]}
    fields |= set(vector["expected"]["properties"]["outputs"]["items"]["properties"])
    assert {name for name in fields if f"`{name}`" not in PAGE} == set()
