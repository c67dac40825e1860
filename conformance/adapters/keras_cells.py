"""Ways to call a layer of Keras that go through its cell: in a loop, stacked, in a cell of somebody's own.

They are routes, see keras_routes.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Tuple

if TYPE_CHECKING or __package__:
    from conformance.adapters import keras_replaced
    from conformance.adapters.keras_backends import keywords
    from conformance.adapters.keras_scene import Scene, built, configured, plain_call
else:
    import keras_replaced
    from keras_backends import keywords
    from keras_scene import Scene, built, configured, plain_call


def rnn_of_cell(scene: Scene) -> Any:
    """`keras.layers.RNN` of the cell."""
    return plain_call(scene, scene.wrap(_loop(scene, _cell(scene))))


def rnn_of_cells(scene: Scene) -> Any:
    """`keras.layers.RNN` of a list of one cell."""
    return plain_call(scene, scene.wrap(_loop(scene, [_cell(scene)])))


def rnn_from_config(scene: Scene) -> Any:
    """The second `keras.layers.RNN` from one `get_config`."""
    return plain_call(scene, configured(scene, scene.wrap(_loop(scene, _cell(scene)))))


def cell_below_another(scene: Scene) -> Any:
    """Two stacked cells, the upper one of which hands on what it reads."""
    return _stacked(scene, [_cell(scene), _handing_on(scene, scene.inner().units)])


def cell_above_another(scene: Scene) -> Any:
    """Two stacked cells, the lower one of which hands on what it reads."""
    return _stacked(scene, [_handing_on(scene, scene.shape[2]), _cell(scene)])


def _stacked(scene: Scene, cells: List[Any]) -> Any:
    stack = scene.keras.layers.StackedRNNCells(cells, dtype=scene.options["dtype"])
    return plain_call(scene, _loop(scene, stack))


def _handing_on(scene: Scene, size: int) -> Any:
    """A cell without weights that hands on what it reads, so many numbers."""

    class HandsOn(scene.keras.layers.Layer):  # type: ignore[misc, name-defined]
        state_size = output_size = size

        def get_initial_state(self, batch_size: Any = None) -> List[Any]:
            return [scene.keras.ops.zeros((batch_size, self.state_size), dtype=self.compute_dtype)]

        def call(self, inputs: Any, states: Any, training: bool = False) -> Tuple[Any, List[Any]]:
            del states, training
            return inputs, [inputs]

    return HandsOn(dtype=scene.options["dtype"])


def cell_with_a_clock(scene: Scene) -> Any:
    """A cell of one's own that counts its steps: its first state is neither the output nor of its size."""
    inner = _cell(scene)
    sizes = inner.state_size

    class Clock(scene.keras.layers.Layer):  # type: ignore[misc, name-defined]
        state_size = (1, *(sizes if isinstance(sizes, (list, tuple)) else (sizes,)))
        output_size = inner.output_size

        def build(self, shape: Any) -> None:
            self.cell = inner
            self.cell.build(shape)

        def call(self, inputs: Any, states: Any, training: bool = False) -> Tuple[Any, List[Any]]:
            time, *others = states
            output, others = self.cell(inputs, others, training=training)
            return output, [time + 1, *others]

    given = keywords(scene.inputs)
    if scene.inputs.initial_state is not None:
        start = scene.keras.ops.zeros((scene.shape[0], 1), dtype=scene.options["dtype"])
        given["initial_state"] = [start, *scene.inputs.initial_state]
    found = built(scene, _loop(scene, Clock(dtype=scene.options["dtype"])))(scene.inputs.x, **given)
    if not scene.options["return_state"]:
        return found
    output, _, *states = found
    return (output, *states)


def _cell(scene: Scene) -> Any:
    kind = getattr(scene.keras.layers, keras_replaced.CELLS[scene.kind])
    chosen = {name: scene.options[name] for name in keras_replaced.CELL_OPTIONS if name in scene.options}
    return kind(scene.inner().units, **chosen, **keras_replaced.INITIALIZERS)


def _loop(scene: Scene, cell: Any) -> Any:
    chosen = {name: scene.options[name] for name in ("dtype", *keras_replaced.LOOP_OPTIONS) if name in scene.options}
    return scene.keras.layers.RNN(cell, **chosen)
