"""The run of one implementation, from its start to the causes of its failures."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from conformance.checks import Observation, Reply, judge
from conformance.checks.registry import applicable
from conformance.engine.aside import aside
from conformance.engine.behaviours import ask
from conformance.engine.behind import ROUNDS, behind
from conformance.engine.calibration import calibrate, precisions
from conformance.engine.causes import Investigator, Record
from conformance.engine.deviations import Deviation, declared, seen
from conformance.engine.events import BehaviourSeen, CaseJudged, Event, ImplementationStarted, MorePlanned, Verdict
from conformance.engine.implementations import Launch
from conformance.engine.options import RunOptions
from conformance.engine.requests import Hello
from conformance.engine.resume import Earlier, Left
from conformance.engine.session import EAGER, Modes
from conformance.engine.team import Team
from conformance.engine.trials import Trials, first_places, tries
from conformance.errors import BrokenImplementationError
from conformance.generate.phases import Batch, plan, resized
from conformance.generate.phases import batch as drawn
from conformance.reference import Accuracy, Precision
from conformance.spec import Case, Dialect, LayerConfig, load_dialect


@dataclass(frozen=True)
class Done:
    """A thread has ended; `error` is one that nobody foresaw."""

    reason: str
    error: Exception | None = None


class Examination:
    """One implementation from start to groups, in its own thread."""

    def __init__(
        self,
        launch: Launch,
        options: RunOptions,
        events: queue.SimpleQueue[Event | Done],
        stop: threading.Event,
    ) -> None:
        self.launch = launch
        self._options = options
        self._emit = events.put
        self._stop = stop
        self._team = Team(launch, options.limits, options.workers)
        self._records: list[Record] = []
        self._known: tuple[Deviation, ...] = ()
        self._driver_seconds = 0.0

    def run(self) -> None:
        """Everything; never raises, always ends with `Done`."""
        reason, unforeseen = "finished", None
        try:
            if self._run():
                reason = f"--max-cases {self._options.max_cases}"
        except BrokenImplementationError as error:
            reason = f"{self.launch.name} is broken"
            why = str(error).removeprefix(f"{self.launch.name}: ")
            self._emit(ImplementationStarted(self.launch.name, "broken", message=why))
        except Exception as error:
            reason, unforeseen = f"an error of ours while testing {self.launch.name}", error
        finally:
            self._team.close()
            self._driver_seconds = time.thread_time()
            self._emit(Done(reason, unforeseen))

    def _run(self) -> bool:
        """Everything; whether cases were left out because there are too many."""
        hello = self._team.start()
        dialect = load_dialect(hello.dialect)
        modes = Modes.of(hello)
        self._known = tuple(one for one in self._options.known if one.concerns(self.launch.name, hello.versions))
        whole, accuracies, answers = self._prepared(dialect, hello, modes)
        everything = [it for it in whole if self._options.shard is None or self._options.shard.has(it.config)]
        batches = first_cases(everything, self._options.max_cases)
        earlier = Earlier.of(self.launch.name, self._options.earlier)
        earlier.check(hello.versions, everything)
        count = sum(len(batch.cases) for batch in batches) + sum(it.phase == "behind" for it in earlier.cases)
        self._emit(_started(self.launch.name, hello, accuracies, count))
        for answer in answers:
            self._emit(answer)
        for judged in earlier.cases:
            self._tell(Case.from_canonical(judged.case), judged)
        held_to = precisions(dialect, accuracies)
        trials = self._trials(whole, hello)
        self._judge(earlier.left(batches), held_to, modes, trials)
        for more in self._behind(whole, hello) if batches == everything else ():
            left = earlier.left(more)
            self._emit(MorePlanned(self.launch.name, sum(len(batch.cases) - len(done) for batch, done in left)))
            self._judge(left, held_to, modes, trials)
        self._team.close(keep=1)
        experiments = self._options.profile.experiments
        investigator = Investigator(self.launch.name, self._team.first, held_to, modes, self._stop, experiments)
        for group in investigator.groups(self._records):
            self._emit(group)
        records = [(record.case, record.judged) for record in self._records]
        for known in self._known:
            self._emit(seen(known, self.launch.name, records, partial(tries, hello)))
        return batches != everything

    def _prepared(
        self, dialect: Dialect, hello: Hello, modes: Modes
    ) -> tuple[list[Batch], dict[str, Accuracy], list[BehaviourSeen]]:
        """The plan, how accurate activations are, and answers to open questions; with several workers all at once."""
        first, last = self._team.first, self._team.last

        def answers() -> list[BehaviourSeen]:
            return list(ask(last, self.launch.name, hello, modes.first)) if self._options.ask else []

        if last is first:
            accuracies = calibrate(first, dialect, hello, modes)
            return self._planned(dialect, hello), accuracies, answers()
        measured, asked = aside(partial(calibrate, first, dialect, hello, modes)), aside(answers)
        return self._planned(dialect, hello), measured.result(), asked.result()

    def _trials(self, whole: Sequence[Batch], hello: Hello) -> Trials:
        """Which laws are tried on which of all cases."""
        count, named = self._options.profile.laws, self._laws_of_witnesses()
        free = [batch for batch in whole if batch.cases[0].id not in named]
        return Trials(hello, count, named, first_places(hello, free, count))

    def _judge(self, left: Left, held_to: Mapping[str, Precision], modes: Modes, trials: Trials) -> None:
        """Run batches and tell of the cases that have no verdict yet."""
        done = {id(batch): places for batch, places in left}
        claimed = self._claimed([batch for batch, _ in left], trials.hello, done)
        for sent, observed in self._team.observe(claimed, held_to, modes, trials):
            for place, (mode, observation) in enumerate(zip(sent.modes, observed, strict=True)):
                if place not in done[id(sent.batch)]:
                    self._record(sent.batch, mode, observation)

    def _behind(self, whole: Sequence[Batch], hello: Hello) -> Iterator[list[Batch]]:
        """What lies behind that which cannot be called, round by round; never layers that nobody asked for."""
        options = self._options

        def can(config: LayerConfig) -> bool:
            return not options.configs and _wanted(config, options.only) and hello.missing(config) is None

        planned = [batch.config for batch in whole if batch.cases[0].rejection is None and can(batch.config)]
        judged = [record for record in self._records if record.judged.phase != "behind"]
        for _ in range(ROUNDS):
            batches = behind(judged, planned, options.profile.strength, can)
            if not batches or self._stop.is_set():
                return
            yield batches
            planned += (batch.config for batch in batches)
            ids = {case.id for batch in batches for case in batch.cases}
            judged += (it for it in self._records if it.judged.phase == "behind" and it.judged.id in ids)

    def _planned(self, dialect: Dialect, hello: Hello) -> list[Batch]:
        """What the user asked for; random configurations are such as the implementation claims."""
        options = self._options
        witnesses = (one.witness for one in self._known if one.witness is not None)
        saved = tuple(dict.fromkeys((*witnesses, *options.saved)))
        if options.configs:
            draws, mine = options.profile.draws, (it for it in options.configs if it.dialect == dialect.name)
            everything: Iterable[Batch] = [drawn("covering", config, draws, options.seed) for config in mine]
        else:
            everything = plan(dialect, options.profile, options.seed, options.phases, saved, hello.claims)
        return [resized(one, hello.sizes) for one in everything if _wanted(one.config, options.only)]

    def _laws_of_witnesses(self) -> dict[str, tuple[str, ...]]:
        """Case id of a witness -> the laws, with their routes, that it is a witness of."""
        found: dict[str, tuple[str, ...]] = {}
        for known in self._known:
            if known.witness is not None and known.tried_as:
                found[known.witness.id] = (*found.get(known.witness.id, ()), known.tried_as)
        return found

    def _claimed(self, batches: Sequence[Batch], hello: Hello, done: Mapping[int, frozenset[int]]) -> Iterator[Batch]:
        """The batches that the implementation claims to support; the others are recorded as unsupported."""
        for batch in batches:
            if self._stop.is_set():
                return
            lacking = hello.missing(batch.config, batch.cases[0].rejection)
            if lacking is None:
                yield batch
            else:
                self._record_unsupported(batch, lacking, done[id(batch)])

    def _record(self, batch: Batch, mode: str, observation: Observation) -> None:
        reply = observation.reply
        seconds = round(reply.seconds, 6) if isinstance(reply, Reply) else None
        outcomes = declared(self._known, observation.case, mode, judge(observation))
        self._add(batch, observation.case, mode, outcomes, seconds)

    def _record_unsupported(self, batch: Batch, lacking: str, done: frozenset[int]) -> None:
        for place, case in enumerate(batch.cases):
            if place in done:
                continue
            verdict = Verdict("unsupported", f"does not claim {lacking}")
            self._add(batch, case, EAGER, dict.fromkeys(applicable(case), verdict), None)

    def _add(self, batch: Batch, case: Case, mode: str, outcomes: Mapping[str, Verdict], seconds: float | None) -> None:
        judged = CaseJudged(
            self.launch.name, case.id, case.canonical(), batch.phase, mode, outcomes, seconds, batch.instead
        )
        self._tell(case, judged)

    def _tell(self, case: Case, judged: CaseJudged) -> None:
        self._records.append(Record(case, judged))
        self._emit(judged)

    def cost(self) -> dict[str, float]:
        """CPU seconds of the workers, of their calls of the layer, and of this thread."""
        return {
            "worker": round(self._team.cpu_seconds, 3),
            "forward": round(self._team.forward_seconds, 3),
            "driver": round(self._driver_seconds, 3),
        }


def first_cases(batches: Sequence[Batch], most: int | None) -> list[Batch]:
    """The first batches with no more than so many cases in all; the last one may lose some of its draws."""
    kept: list[Batch] = []
    left = sum(len(batch.cases) for batch in batches) if most is None else most
    for batch in batches:
        if left <= 0:
            break
        kept.append(replace(batch, cases=batch.cases[:left]))
        left -= len(batch.cases)
    return kept


def _wanted(config: LayerConfig, only: Mapping[str, str]) -> bool:
    """Whether a configuration has all the values that the user asked for."""
    has = {"layer": config.layer, **{name: str(value).lower() for name, value in config.items}}
    return all(has.get(name) == value.lower() for name, value in only.items())


def _started(name: str, hello: Hello, accuracies: Mapping[str, Accuracy], planned: int) -> ImplementationStarted:
    return ImplementationStarted(
        name=name,
        state="ready",
        dialect=hello.dialect,
        versions=hello.versions,
        environment=hello.environment,
        capabilities=hello.capabilities,
        calibration={
            dtype: {"tanh": list(accuracy.tanh), "sigmoid": list(accuracy.sigmoid), "measured": True}
            for dtype, accuracy in accuracies.items()
        },
        planned=planned,
    )
