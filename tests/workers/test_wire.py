"""Messages survive the wire unchanged, and nothing else passes for a message."""

from __future__ import annotations

import io
import json
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.adapters import wire
from conformance.spec import Array

shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
numpys_own = sorted(set(wire.DTYPES) - {"bfloat16"})
any_array = hnp.arrays(st.sampled_from(numpys_own), shapes) | hnp.arrays("uint16", shapes).map(
    lambda bits: bits.view(wire.BFLOAT16)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def entry(**changes: object) -> bytes:
    listed = {"name": "x", "dtype": "float32", "shape": [2], "nbytes": 8, **changes}
    return json.dumps({"id": 1, "arrays": [listed]}).encode() + b"\n"


@given(
    fields=st.dictionaries(st.text().filter(lambda name: name != "arrays"), json_values),
    arrays=st.lists(any_array, max_size=3),
)
def test_what_is_written_is_read(fields: dict[str, object], arrays: list[Array]) -> None:
    named = [(f"a.{index}", array) for index, array in enumerate(arrays)]
    stream = io.BytesIO(wire.encode(fields, named) * 2)
    for _ in range(2):
        message = wire.read(stream)
        assert message is not None
        assert message[0] == fields
        assert list(message[1]) == [name for name, _ in named]
        for (_, sent), got in zip(named, message[1].values(), strict=True):
            assert (got.dtype, got.shape, got.tobytes()) == (sent.dtype, sent.shape, sent.tobytes())
    assert wire.read(stream) is None


@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda a: a[::-1], lambda a: a.T, lambda a: a[:, ::2], lambda a: a.astype(">f8")],
    ids=["fortran", "reversed", "transposed", "strided", "big-endian"],
)
def test_memory_layout_does_not_matter(layout: object) -> None:
    array = layout(np.arange(12.0).reshape(3, 4))  # type: ignore[operator]
    message = wire.read(io.BytesIO(wire.encode({}, [("a", array)])))
    assert message is not None
    np.testing.assert_array_equal(message[1]["a"], array)


def test_arrays_that_are_read_can_be_written_to() -> None:
    message = wire.read(io.BytesIO(wire.encode({}, [("a", np.zeros(3))])))
    assert message is not None
    assert message[1]["a"].flags.writeable
    assert message[1]["a"].flags.aligned


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"hello\n", "not JSON"),
        (b'{"a": NaN}\n', "not JSON"),
        (b'{"a": \xff}\n', "not JSON"),
        (b"[1]\n", "not a JSON object"),
        (b'{"id": 1}', "ends inside a line"),
        (b" " * (wire.MAX_LINE + 1), "more than"),
        (b'{"arrays": 3}\n', "not a list"),
        (b'{"arrays": [3]}\n', "without name"),
        (entry(dtype="object"), "cannot be sent"),
        (entry(dtype=["float32"]), "cannot be sent"),
        (entry(shape=[-1]), "not a list of sizes"),
        (entry(shape=[2.0]), "not a list of sizes"),
        (entry(shape=[True]), "not a list of sizes"),
        (entry(shape=[1] * 40), "not a list of sizes"),
        (entry(nbytes=9), "does not fit"),
        (entry(nbytes="8"), "does not fit"),
        (entry(shape=[1 << 60], nbytes=4 << 60), "at most"),
        (entry() + b"1234", "ends inside array"),
        (entry(dtype="bool", shape=[1], nbytes=1) + b"\x02", "neither false nor true"),
    ],
)
def test_what_is_not_a_message_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(wire.WireError, match=complaint):
        wire.read(io.BytesIO(data))


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_are_messages(data: bytes) -> None:
    try:
        message = wire.read(io.BytesIO(data))
    except wire.WireError:
        return
    assert message is None or isinstance(message[0], dict)


@pytest.mark.parametrize("bfloat16", [wire.BFLOAT16, np.dtype("V2")], ids=["with ml_dtypes", "without"])
def test_every_type_is_overwritten_by_what_shows(bfloat16: np.dtype[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BFLOAT16", bfloat16)
    half = np.zeros((2, 4), np.int16)
    wire.overwrite(half.view(bfloat16)[:, ::2])
    assert half.tolist() == [[0x7FC0, 0, 0x7FC0, 0]] * 2
    single, whole = np.zeros(2, np.float32), np.zeros(2, np.int64)
    wire.overwrite(single)
    wire.overwrite(whole)
    assert np.isnan(single).all()
    assert whole.tolist() == [1, 1]
