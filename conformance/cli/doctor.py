"""`rnn-conformance doctor`: does an implementation start, answer and add up, before any suite runs?"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from conformance.checks import judge
from conformance.cli.options import contract_options, launches, python_option, replace_option
from conformance.cli.terminal import say
from conformance.engine.calibration import calibrate, precisions
from conformance.engine.events import DEVIATIONS as FAILED
from conformance.engine.implementations import Launch, implementation_names
from conformance.engine.requests import Hello
from conformance.engine.session import Modes, Session
from conformance.engine.worker import Limits
from conformance.errors import BROKEN, CONFORMANT, ConformanceError
from conformance.generate.claims import Claims, kept_to
from conformance.generate.phases import batch, resized
from conformance.reference import Precision
from conformance.spec import Dialect, LayerConfig, Sizes, load_dialect


@click.command(
    epilog="\b\nExamples:\n  rnn-conformance doctor\n  rnn-conformance doctor torch\n"
    '  rnn-conformance doctor "cmd:./my-lstm"\n'
    "  rnn-conformance doctor torch --replace LSTM=mypackage:FastLSTM\n"
)
@click.argument("implementations", nargs=-1)
@click.option("--timeout", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds for one answer.")
@python_option
@replace_option
@contract_options
def doctor(
    implementations: tuple[str, ...],
    timeout: float,
    pythons: tuple[str, ...],
    replaced: tuple[str, ...],
    dialect: str | None,
    layers: tuple[str, ...],
    claims: tuple[str, ...],
) -> None:
    """Start implementations and examine them step by step; all that this project knows if none is named."""
    sick = 0
    for launch in launches(implementations or implementation_names(), pythons, dialect, layers, claims, replaced):
        click.echo(f"{launch.name}")
        try:
            examine(launch, Limits(seconds=timeout))
        except ConformanceError as error:
            sick += 1
            _tell("broken", str(error))
    sys.exit(BROKEN if sick else CONFORMANT)


def examine(launch: Launch, limits: Limits) -> None:
    """Say what works, step by step; `ConformanceError` at the first step that does not."""
    session = Session(launch, limits)
    try:
        _tell("command", " ".join(launch.command))
        hello = session.start()
        _tell("versions", ", ".join(f"{name} {version}" for name, version in hello.versions.items()))
        _tell("dialect", hello.dialect)
        _tell("layers", ", ".join(hello.layers))
        _tell("modes", ", ".join(hello.modes))
        dialect = load_dialect(hello.dialect)
        accuracies = calibrate(session, dialect, hello, Modes.of(hello))
        for dtype, accuracy in accuracies.items():
            _tell(
                "accuracy", f"{dtype}: tanh {_pair(accuracy.tanh)}, sigmoid {_pair(accuracy.sigmoid)} units of rounding"
            )
        held_to = precisions(dialect, accuracies)
        for layer in hello.layers:
            _tell(layer, _tried(session, hello, plainest(dialect, layer, hello.claims), held_to))
    finally:
        session.close()


def _tried(session: Session, hello: Hello, config: LayerConfig, held_to: Mapping[str, Precision]) -> str:
    """What came of one case; `ConformanceError` if it does not pass."""
    planned = resized(batch("covering", config, 1, 0), hello.sizes)
    if lacking := hello.missing(planned.config):
        return f"nothing can be tried: {lacking} is not claimed"
    unusual = planned.config.non_default().items()
    options = ", ".join(f"{name}={value}" for name, value in unusual) or "default options"
    verdicts = judge(session.observe_batch(planned, held_to, Modes.of(hello).first)[0])
    failed = [f"{check}: {verdict.message}" for check, verdict in verdicts.items() if verdict.outcome in FAILED]
    if failed:
        raise ConformanceError(f"{config.layer} with {options}: {failed[0]}")
    return f"{options} pass {sum(verdict.outcome == 'pass' for verdict in verdicts.values())} checks"


def plainest(dialect: Dialect, layer: str, claims: Claims) -> LayerConfig:
    """A small configuration with default options, or with what is claimed in their place."""
    row = kept_to(dialect, {"layer": layer, **dialect.complete(layer, {})}, {**claims, "layer": [layer]})
    options = {name: value for name, value in row.items() if name != "layer"}
    return LayerConfig.fitting(dialect.name, layer, options, Sizes(2, 5, 4, 3))


def _tell(what: str, text: str) -> None:
    say(f"  {what:<12}{text}")


def _pair(pair: tuple[float, float]) -> str:
    relative, absolute = pair
    return f"{relative:.1f}·|y|" + (f" + {absolute:.2g}" if absolute else "")
