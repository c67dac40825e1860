"""The suite for authors of their own layers: one line in a script or a test.

    check_layer(MyLSTM, dialect="keras", layer="lstm")

    @parametrize_with_checks(MyLSTM, dialect="keras", layer="lstm")
    def test_my_lstm(check):
        check()

docs/custom.md says how `MyLSTM` is written and what it can claim.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import unittest
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from conformance.adapters.python_layers import PythonLayers
from conformance.checks import CHECKS, DEVIATIONS
from conformance.engine.implementations import Contract, Launch, resolve
from conformance.engine.local import Local
from conformance.engine.run import RunOptions, run
from conformance.engine.worker import Limits
from conformance.errors import BrokenImplementationError, ConformanceError, SpecError
from conformance.generate.phases import PHASES, PROFILES, Profile
from conformance.report import Group, block, view
from conformance.report.text import safe
from conformance.results import Results
from conformance.spec import Case, DataSpec, LayerConfig, Sizes, Value, load_dialect

if TYPE_CHECKING:
    import pytest

JUDGED = (*DEVIATIONS, "pass", "unspecified")
"""Outcomes that say something about the implementation."""


class DeviationError(AssertionError):
    """A layer does not return what its dialect promises; the message has every cause.

    Attributes:
        results: everything that was found.
    """

    def __init__(self, message: str, results: Results) -> None:
        super().__init__(message)
        self.results = results


@dataclass(frozen=True)
class Settings:
    """What the person who runs the checks wants, over what is written in the code.

    Attributes:
        profile, seed: in place of those in the code, if not None.
        record: is given the results of every run.
    """

    profile: str | None = None
    seed: int | None = None
    record: Callable[[Results], None] | None = None


settings = Settings()
"""Those in force; the pytest plugin replaces them while it is active."""


def check_layer(
    implementation: Any,
    *,
    dialect: str,
    layer: str,
    profile: str | Profile = "quick",
    seed: int = 0,
    isolate: bool = False,
    timeout: float = 60.0,
    case: str | None = None,
    raise_errors: bool = True,
    **capabilities: Any,
) -> Results:
    """Run the suite on a layer in plain Python.

    Args:
        implementation: a class `MyLSTM(config, weights)`, a function `f(config, weights, x, ...)`, or where to find
            one, as `package.module:MyLSTM` or `path/file.py:MyLSTM` (which is run in a process of its own).
        dialect: the API contract that it follows: `keras` or `torch`.
        layer: `simple_rnn`, `lstm` or `gru`.
        profile: how much is run: `quick`, `ci`, `thorough`.
        seed: of the random configurations.
        isolate: whether to run it in a process of its own, which survives crashes and hangs.
        timeout: seconds for one answer of that process.
        case: one case to run again, as the message of a `DeviationError` gives it.
        raise_errors: whether to raise; if not, the results tell.
        capabilities: `options`, `dtypes`, `sizes`, `rejections`, `initial_weights`: what it can do, in place of its
            attributes of these names. What is not claimed is reported as unsupported, neither failed nor passed.

    Returns:
        What was found: cases, groups of failures with their cause, and what the implementation said of itself.

    Raises:
        DeviationError: at the end, with every cause (an `AssertionError`).
        BrokenImplementationError: it cannot be imported, called or run, or its claims make no sense.
        ConformanceError: the arguments make no sense, or nothing of what is claimed could be judged.
    """
    suite = Suite(implementation, dialect, layer, profile, seed, isolate, timeout, case, capabilities)
    if raise_errors:
        suite.require_verdicts()
        if groups := suite.groups():
            raise DeviationError(suite.message(groups), suite.results)
    return suite.results


def parametrize_with_checks(
    implementation: Any,
    *,
    dialect: str,
    layer: str,
    profile: str | Profile = "quick",
    seed: int = 0,
    isolate: bool = False,
    timeout: float = 60.0,
    **capabilities: Any,
) -> pytest.MarkDecorator:
    """A decorator that makes one pytest test for every check, with ids such as `MyLSTM-values`.

    The suite is run once, by the first of the tests that runs. A check that could judge no case is skipped. The test
    function takes the argument `check` and calls it. Arguments as for `check_layer`.

    Raises:
        ConformanceError: pytest is not installed, or the arguments make no sense.
    """
    try:
        import pytest
    except ImportError:
        raise ConformanceError("parametrize_with_checks needs pytest; check_layer works without it") from None
    suite = Suite(implementation, dialect, layer, profile, seed, isolate, timeout, None, capabilities)
    return pytest.mark.parametrize("check", [LayerCheck(suite, name) for name in CHECKS], ids=str)


@dataclass(frozen=True)
class LayerCheck:
    """One check of a suite; call it to get its verdict as an exception or none."""

    suite: Suite
    check: str

    def __str__(self) -> str:
        return f"{self.suite.name}-{self.check}"

    def __call__(self) -> None:
        """Raise `DeviationError` if the check failed, `unittest.SkipTest` if it could judge nothing."""
        self.suite.require_verdicts()
        if groups := self.suite.groups(self.check):
            raise DeviationError(self.suite.message(groups), self.suite.results)
        if not self.suite.judged(self.check):
            raise unittest.SkipTest(f"{self}: no case could be judged: {self.suite.why_not(self.check)}")


@dataclass(frozen=True)
class Suite:
    """An implementation and what is asked of it; run once, when its results are first wanted.

    Raises:
        SpecError: the dialect, layer, profile or case is not known.
    """

    implementation: Any
    dialect: str
    layer: str
    profile: str | Profile
    seed: int
    isolate: bool
    timeout: float
    case: str | None
    claims: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        load_dialect(self.dialect).layer(self.layer)
        _ = self.options

    @property
    def name(self) -> str:
        """What the implementation is called in results."""
        if isinstance(self.implementation, str):
            return self.implementation
        name = getattr(self.implementation, "__qualname__", type(self.implementation).__name__)
        return str(name).rpartition("<locals>.")[2]

    @cached_property
    def options(self) -> RunOptions:
        """What is run."""
        common = RunOptions(
            launches=(self._launch(),),
            profile=_profile(settings.profile or self.profile),
            seed=self.seed if settings.seed is None else settings.seed,
            limits=Limits(seconds=self.timeout),
            command=self._call(),
        )
        if self.case is None:
            return replace(common, phases=PHASES, only={"layer": self.layer})
        again = parse_case(self.dialect, self.layer, self.case)
        only = {name: str(value).lower() for name, value in again.config.items}
        return replace(common, phases=("pinned",), saved=(again,), only={"layer": self.layer, **only})

    @cached_property
    def results(self) -> Results:
        """What was found.

        Raises:
            KeyboardInterrupt: the user wanted an end.
        """
        results = Results.of(run(self.options))
        if settings.record is not None:
            settings.record(results)
        if results.footer is not None and results.footer.reason == "interrupted":
            raise KeyboardInterrupt
        return results

    def groups(self, check: str | None = None) -> tuple[Group, ...]:
        """The causes of failures (of one check)."""
        found = (group for group in view(self.results).groups if check in (None, group.check, *group.also))
        return tuple(replace(group, replay=self._call(_spelled(group))) for group in found)

    def message(self, groups: tuple[Group, ...]) -> str:
        """Every cause in words."""
        standings = [safe(f"{standing.label}: {standing.verdict}") for standing in view(self.results).standings]
        return "\n\n".join([*standings, *(block(group) for group in groups)])

    def judged(self, check: str | None = None) -> int:
        """For how many cases there is a verdict (of one check)."""
        return sum(outcome in JUDGED for outcome, _ in self._outcomes(check))

    def why_not(self, check: str | None = None) -> str:
        """Why most of the cases without a verdict have none."""
        reasons = [message or outcome for outcome, message in self._outcomes(check) if outcome not in JUDGED]
        return max(set(reasons), key=lambda reason: (reasons.count(reason), reason), default="it applies to none")

    def require_verdicts(self) -> None:
        """Raise if nothing can be said about the implementation."""
        for said in self.results.implementations:
            if said.state == "broken":
                raise BrokenImplementationError(f"{self.name}: {said.message}")
        if not self.judged():
            raise ConformanceError(f"{self.name}: nothing could be judged: {self.why_not()}; check what it claims")

    def _outcomes(self, check: str | None) -> Iterator[tuple[str, str | None]]:
        for case in self.results.cases:
            for name, verdict in case.outcomes.items():
                if check in (None, name):
                    yield verdict.outcome, verdict.message

    def _launch(self) -> Launch:
        claims = {"layers": [self.layer], **self.claims}
        if isinstance(self.implementation, str):
            return resolve(self.implementation, contract=Contract(self.dialect, claims))
        if self.isolate:
            launch = resolve(_place(self.implementation, self.name), contract=Contract(self.dialect, claims))
            return replace(launch, name=self.name, environment={**launch.environment, "PYTHONPATH": _import_path()})
        return Local(self.name, (), load=lambda: PythonLayers(self.implementation, self.dialect, claims))

    def _call(self, case: str | None = None) -> str:
        """The call that runs this (or one case of it) again."""
        said = {"dialect": self.dialect, "layer": self.layer, **self.claims}
        if self.isolate:
            said["isolate"] = True
        if case is not None:
            said["case"] = case
        name = repr(self.name) if isinstance(self.implementation, str) else self.name
        return f"check_layer({name}, {', '.join(f'{key}={value!r}' for key, value in said.items())})"


# ---------------------------------------------------------------- one case as a line of text


def spell_case(case: Case) -> str:
    """A case as a line such as `mask=gaps batch=1 timesteps=3 features=1 units=1 data=lattice:7`."""
    words = {**case.config.non_default(), **vars(case.config.sizes), "data": f"{case.data.kind}:{case.data.seed}"}
    if case.rejection:
        words["rejection"] = case.rejection
    return " ".join(f"{name}={value}" for name, value in words.items())


def _spelled(group: Group) -> str:
    return spell_case(Case.from_canonical(json.loads(group.smallest.json)))


def parse_case(dialect: str, layer: str, text: str) -> Case:
    """The inverse of `spell_case`; `SpecError` if it makes no sense."""
    rules = load_dialect(dialect)
    words = dict(word.partition("=")[::2] for word in text.split())
    kind, _, seed = words.pop("data", "").partition(":")
    rejection = words.pop("rejection", None)
    try:
        sizes = Sizes(**{name: int(words.pop(name)) for name in ("batch", "timesteps", "features", "units")})
        data = DataSpec(kind, int(seed))
    except (KeyError, ValueError):
        raise SpecError(f"case {text!r} does not give sizes and data; copy it as it was printed") from None
    options: dict[str, Value] = {}
    for name, value in words.items():
        known = {str(other): other for other in rules.options[name].values} if name in rules.options else {}
        if value not in known:
            raise SpecError(f"case {text!r}: {name}={value} is no option of {rules.title}")
        options[name] = known[value]
    return Case(LayerConfig.of(dialect, layer, options, sizes), data, rejection)


# ---------------------------------------------------------------- what is run


def _profile(profile: str | Profile) -> Profile:
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise SpecError(f"unknown profile '{profile}'; choose one of {', '.join(PROFILES)}")
    return PROFILES[profile]


def _place(implementation: Any, name: str) -> str:
    """Where another process finds a class or function."""
    module = inspect.getmodule(implementation)
    file, qualified = getattr(module, "__file__", None), getattr(implementation, "__qualname__", "<locals>")
    if module is None or not file or "<" in qualified:
        raise ConformanceError(
            f"{name}: isolate=True needs a class or function at the top of a module; another process must import it"
        )
    return f"{module.__name__ if module.__package__ else file}:{qualified}"


def _import_path() -> str:
    """What can be imported here can be imported there."""
    return os.pathsep.join(entry for entry in sys.path if entry)
