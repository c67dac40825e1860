"""`rnn-conformance explain`: what a layer returns, from the specification and the reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from conformance.checks.form import spell
from conformance.cli.table import table
from conformance.errors import SpecError
from conformance.generate.tensors import worked_example
from conformance.reference import evaluate, precision
from conformance.report.drawing import draw_layer, standalone
from conformance.report.files import save
from conformance.spec import (
    Dialect,
    LayerConfig,
    Sizes,
    Value,
    dialect_names,
    initial_states,
    load_dialect,
    outputs,
    structure,
    weights,
)

EPILOG = """\b
Examples:
  rnn-conformance explain keras LSTM --bidirectional --return-state --units 3 --input 1,4,5
  rnn-conformance explain keras GRU --return-sequences --mask right
  rnn-conformance explain keras LSTM --bidirectional --svg lstm.svg
  rnn-conformance explain torch LSTM --num-layers 2 --bidirectional --batch-first --units 3 --input 4,1,5
"""


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.argument("dialect", type=click.Choice(dialect_names()))
@click.argument("layer")
@click.option("--units", type=click.IntRange(1), default=3, show_default=True, help="Units (PyTorch: hidden_size).")
@click.option(
    "--input", "shape", default=None, metavar="N,N,N", help="Shape of the input; default: batch 2, 4 steps, 5 features."
)
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Draw, too, how the layer is wired, into this file (folders that are missing are made); - for the standard "
    "output, without the text.",
)
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def explain(dialect: str, layer: str, units: int, shape: str | None, svg: Path | None, flags: tuple[str, ...]) -> None:
    """Show every output of a layer: place, name, shape, and what it is.

    LAYER is SimpleRNN, LSTM or GRU (PyTorch: RNN). FLAGS are the options of the dialect, such as --return-state or
    --merge-mode sum; see `rnn-conformance list options`.
    """
    rules = load_dialect(dialect)
    name = layer_name(rules, layer)
    options = parse_flags(rules, flags)
    config = configuration(rules, name, options, units, shape)
    if str(svg) == "-":
        click.echo(standalone(draw_layer(config)), nl=False)
        return
    click.echo(explanation(config))
    if svg is not None:
        save(svg, standalone(draw_layer(config)), "--svg")
        click.echo(f"\ndrawn: {svg}")


def layer_name(rules: Dialect, text: str) -> str:
    """The layer that a user means by its class or by our name."""
    for layer in rules.layers.values():
        if text.lower() in (layer.name, layer.class_name.lower()):
            return layer.name
    known = ", ".join(layer.class_name for layer in rules.layers.values())
    raise SpecError(f"{rules.title} has no layer '{text}'; choose one of {known}")


def parse_flags(rules: Dialect, flags: Sequence[str]) -> dict[str, Value]:
    """`--return-state --merge-mode sum --no-use-bias` as options; `SpecError` for what the dialect does not know."""
    options: dict[str, Value] = {}
    words = list(flags)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise SpecError(f"unexpected '{word}'; options start with --, such as --return-state")
        key, _, given = word[2:].replace("-", "_").partition("=")
        name, switch = (key[3:], False) if key.startswith("no_") else (key, True)
        option = rules.options.get(name)
        if option is None:
            raise SpecError(
                f"{rules.title} has no option '--{name.replace('_', '-')}'; see `rnn-conformance list options`"
            )
        if isinstance(option.default, bool) and not given:
            options[name] = switch
            continue
        text = given or (words.pop(0) if words else "")
        matching = [value for value in option.values if str(value).lower() == text.lower()]
        if not matching:
            allowed = ", ".join(map(str, option.values))
            raise SpecError(f"--{name.replace('_', '-')} {text}: choose one of {allowed}")
        options[name] = matching[0]
    return options


def configuration(rules: Dialect, layer: str, options: dict[str, Value], units: int, shape: str | None) -> LayerConfig:
    """The configuration for an input of that shape, which is in the layout that the options ask for."""
    sizes = Sizes(2, 4, 5, units)
    if options.get("input") == "unbatched":
        sizes = Sizes(1, 4, 5, units)
    if shape is not None:
        sizes = _sizes(rules, options, units, shape)
    return LayerConfig.of(rules.name, layer, options, sizes)


def _sizes(rules: Dialect, options: dict[str, Value], units: int, shape: str) -> Sizes:
    try:
        numbers = [int(part) for part in shape.split(",")]
    except ValueError:
        raise SpecError(f"--input {shape}: write whole numbers separated by commas, such as 1,4,5") from None
    axes = ["batch", "timesteps", "features"]
    if options.get("input") == "unbatched":
        axes = ["timesteps", "features"]
    elif options.get("batch_first", "batch_first" not in rules.options) is False:
        axes = ["timesteps", "batch", "features"]
    if len(numbers) != len(axes):
        raise SpecError(f"--input {shape}: this layer takes ({', '.join(axes)})")
    given = dict(zip(axes, numbers, strict=True))
    return Sizes(given.get("batch", 1), given["timesteps"], given["features"], units)


def explanation(config: LayerConfig) -> str:
    """Everything a user wants to know about what a layer returns."""
    layer = config.rules.layers[config.layer]
    told = ", ".join(f"{name}={value}" for name, value in config.non_default().items()) or "all options default"
    lengths = [config.sizes.timesteps] * config.sizes.batch if "packed" in str(config.get("input")) else None
    returned = outputs(config, lengths)
    parts = [
        f"{config.rules.title} {layer.class_name}: {told}",
        f"returns {spell(structure(config), [output.name for output in returned])}"
        + (" (one tensor)" if len(returned) == 1 else f" ({len(returned)} tensors)"),
        table(
            ("output", "name", "shape", "axes", "what it is"),
            [
                (str(index), output.name, str(output.shape), f"({', '.join(output.axes)})", output.meaning)
                for index, output in enumerate(returned)
            ],
        ),
        "weights, in order\n"
        + table(("name", "shape"), [(weight.name, str(weight.shape)) for weight in weights(config)]),
    ]
    if states := initial_states(config):
        named = ", ".join(f"{state.name} {state.shape}" for state in states)
        parts.append(f"initial states, in order: {named}")
    if values := _worked_values(config):
        parts.append(values)
    return "\n\n".join(parts)


def _worked_values(config: LayerConfig) -> str | None:
    """The numbers of the worked example, where the configuration is one of its layers."""
    if config.get("mask", "none") != "none" or config.get("initial_state"):
        return None
    try:
        tensors = worked_example(config)
    except SpecError:
        return None
    due = evaluate(config, [tensors], precision(config.dtype), "step")[0]
    lines = [
        f"{output.name} = {np.array2string(output.value, precision=7)}" for output in due if output.value is not None
    ]
    return "with kernels of 0.1, biases 0, forget bias 1 and the input of the worked example\n" + "\n".join(lines)
