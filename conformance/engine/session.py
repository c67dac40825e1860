"""One implementation under test: its worker, and how cases become observations.

Requests of a batch are sent ahead, so that the worker computes while the reference does. When the worker is lost, its
batch is run again case by case, to learn which case it was and whether it happens again.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.checks import Built, Expectation, Followed, Lost, Observation, Refusal, Reply, Unclaimed
from conformance.checks.observation import expectations
from conformance.engine import requests
from conformance.engine.implementations import Launch
from conformance.engine.local import Local, LocalWorker
from conformance.engine.requests import Hello
from conformance.engine.trials import trials
from conformance.engine.worker import Limits, Message, Worker, WorkerLost, WorkerTimeout
from conformance.errors import BrokenImplementationError
from conformance.generate.phases import Batch, accompanied
from conformance.generate.tensors import tensors
from conformance.laws import LAWS, Manner, Plan
from conformance.laws.law import PLAIN
from conformance.reference import Precision
from conformance.spec import Array, Case, LayerConfig, Tensors, weights

SAMPLED = 4
"""Of so many configurations one has its weak and uninformative elements counted, which needs the costly allowance."""

EAGER = "eager"


RESTARTS = 20
"""How often a worker may be lost before the implementation counts as broken."""


@dataclass(frozen=True)
class Sent:
    """A batch on its way: what was asked, in which modes, with which tensors, and whether with a second look.

    `laws` are tried on its first case; where the implementation does not offer what one needs, there is no plan.
    """

    batch: Batch
    modes: tuple[str, ...]
    drawn: tuple[Tensors, ...]
    thorough: bool = True
    laws: Mapping[str, Plan | Unclaimed] = field(default_factory=dict)

    @property
    def plans(self) -> Iterator[tuple[str, Plan]]:
        """The laws that can be tried."""
        return ((name, plan) for name, plan in self.laws.items() if isinstance(plan, Plan))


@dataclass(frozen=True)
class Modes:
    """How layers are called: the first draw of every batch, and the others."""

    first: str
    later: str

    @classmethod
    def of(cls, hello: Hello) -> Modes:
        """As users call a layer first, then the fastest way that the implementation offers."""
        return cls(hello.modes[0], hello.modes[-1])


class Session:
    """A living implementation.

    Args:
        launch: how to start it.
        limits: what it may use.
    """

    def __init__(self, launch: Launch, limits: Limits) -> None:
        self.launch = launch
        self.forward_seconds = 0.0
        self._worker = LocalWorker(launch) if isinstance(launch, Local) else Worker(launch, limits)
        self._restarts_left = RESTARTS
        self._handles = itertools.count(1)
        self._waiting: deque[Sent] = deque()

    def start(self) -> Hello:
        """Start the worker; `BrokenImplementationError` if it cannot, or does not speak the protocol."""
        self.hello = Hello.of(self._worker.start())
        return self.hello

    def close(self) -> None:
        """End the worker; no process is left."""
        self._worker.close()

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all workers of this session so far."""
        return self._worker.cpu_seconds

    def send(self, batch: Batch, modes: Modes, laws: Iterable[tuple[str, Plan | Unclaimed]] = ()) -> None:
        """Send the requests of a batch ahead; `take` gives what came of it, once for each batch that was sent.

        Args:
            batch: what to run.
            modes: how to call the layers.
            laws: to try on its first case.
        """
        self._waiting.append(self._sent(batch, modes, laws=laws))
        self._submit(self._waiting[-1])

    def take(self, held_to: Mapping[str, Precision]) -> tuple[Sent, list[Observation]]:
        """The batch that was sent first of those that were not taken, and its observations.

        Args:
            held_to: type -> accuracy that the implementation is held to.
        """
        sent = self._waiting.popleft()
        due = _expectations(sent, held_to)
        try:
            return sent, self._collect(sent, due)
        except WorkerLost as loss:
            seen = self._after_loss(sent, due, loss)
            for later in self._waiting:
                self._submit(later)
            return sent, seen

    def observe_alone(self, case: Case, held_to: Mapping[str, Precision], mode: str) -> Observation:
        """One case on a fresh layer, followed by calls with other data and by all laws; nothing else under way."""
        return self.observe_batch(accompanied(case), held_to, mode, laws=tuple(LAWS))[0]

    def observe_batch(
        self,
        batch: Batch,
        held_to: Mapping[str, Precision],
        mode: str,
        *,
        thorough: bool = True,
        laws: Sequence[str] = (),
    ) -> list[Observation]:
        """All cases of a batch on one fresh layer, nothing else under way.

        Args:
            batch: what to run.
            held_to: type -> accuracy that the implementation is held to.
            mode: how to call the layer.
            thorough: whether the first call is made again and looked at afterwards, as some checks need.
            laws: the laws to try on the first case, as far as they say something about it; `routes/NAME` for one route.
        """
        sent = self._sent(batch, Modes(mode, mode), thorough=thorough, laws=trials(self.hello, batch.cases[0], laws))
        return self._together(sent, _expectations(sent, held_to))

    def call_once(
        self,
        config: LayerConfig,
        drawn: Tensors,
        mode: str,
        arguments: Mapping[str, Any] | None = None,
        manner: Manner = PLAIN,
        before: Tensors | None = None,
        targets: Mapping[int, Array] | None = None,
    ) -> Reply | Refusal | Lost:
        """Build a layer, with more arguments if there are any, and call it once with any tensors, or let it declare.

        It is called plainly `before` that, if there are tensors for it; `targets` are what it is trained towards.
        """
        handle = next(self._handles)
        calls = [requests.call(handle, drawn, mode, manner=manner, targets=targets)]
        calls = calls if before is None else [requests.call(handle, before, self.hello.modes[0]), *calls]
        try:
            for request in (requests.build(handle, config, arguments=arguments), *calls, requests.release(handle)):
                self._worker.send(*request)
            built, replies = self._receive(), [self._reply() for _ in calls]
            self._receive()
        except WorkerLost as loss:
            self._restart()
            return _lost(loss)
        refused = (it for it in (requests.refusal(built), *replies) if isinstance(it, Refusal))
        return next(refused, replies[-1])

    # ------------------------------------------------------------ sending

    def _sent(
        self, batch: Batch, modes: Modes, *, thorough: bool = True, laws: Iterable[tuple[str, Plan | Unclaimed]] = ()
    ) -> Sent:
        chosen = tuple(modes.later if index else modes.first for index in range(len(batch.cases)))
        ordered = dict(sorted(laws, key=lambda law: LAWS[law[0].partition("/")[0]].spoils))
        return Sent(batch, chosen, tuple(tensors(case) for case in batch.cases), thorough, ordered)

    def _submit(self, sent: Sent) -> None:
        """Send all requests of a batch.

        Build, the first call twice, the other calls, a second look at the first, then the calls of laws.
        """
        handle = next(self._handles)
        first, drawn = sent.batch.cases[0], sent.drawn
        self._worker.send(*requests.build(handle, first.config, first))
        self._worker.send(*requests.call(handle, drawn[0], sent.modes[0], keep=True))
        if sent.thorough:
            self._worker.send(*requests.call(handle, drawn[0], sent.modes[0], manner=Manner(weights=False)))
        for tensors_, mode in zip(drawn[1:], sent.modes[1:], strict=True):
            self._worker.send(*requests.call(handle, tensors_, mode))
        if sent.thorough:
            self._worker.send(*requests.recall(handle))
        for _, plan in sent.plans:
            self._submit_plan(plan, handle, sent.modes[0])
        self._worker.send(*requests.release(handle))

    def _submit_plan(self, plan: Plan, handle: int, mode: str) -> None:
        """Send the calls of a law; layers of its own are built before their first call."""
        handles = {0: handle}
        for call in plan.calls:
            if call.layer not in handles:
                handles[call.layer] = next(self._handles)
                more = dict(call.arguments)
                self._worker.send(*requests.build(handles[call.layer], call.config, arguments=more, fresh=call.fresh))
            if call.fresh:
                continue
            self._worker.send(
                *requests.call(
                    handles[call.layer],
                    call.tensors,
                    mode,
                    manner=call.manner,
                    cotangents=call.cotangents,
                    targets=call.targets,
                    directions=call.directions,
                )
            )
        for layer, other in handles.items():
            if layer:
                self._worker.send(*requests.release(other))

    # ------------------------------------------------------------ receiving

    def _together(self, sent: Sent, due: Sequence[Expectation | None]) -> list[Observation]:
        self._submit(sent)
        try:
            return self._collect(sent, due)
        except WorkerLost as loss:
            return self._after_loss(sent, due, loss)

    def _collect(self, sent: Sent, due: Sequence[Expectation | None]) -> list[Observation]:
        built, first = self._receive(), self._reply()
        again = self._reply() if sent.thorough else None
        replies = [first, *(self._reply() for _ in sent.drawn[1:])]
        recalled = self._receive() if sent.thorough else None
        followed = {name: self._collect_plan(plan) for name, plan in sent.plans}
        self._receive()
        seen = [_observation(sent, due, index) for index in range(len(sent.drawn))]
        if (refused := requests.refusal(built)) is not None:
            return [replace(observation, built=refused) for observation in seen]
        seen = [replace(observation, reply=reply) for observation, reply in zip(seen, replies, strict=True)]
        seen[0] = replace(
            seen[0],
            built=Built(requests.numbered(built, "weights")) if "weights" in built.header else None,
            again=again,
            laws={name: law if isinstance(law, Unclaimed) else followed[name] for name, law in sent.laws.items()},
            **_looked_again(sent, recalled, replies),
        )
        return seen

    def _collect_plan(self, plan: Plan) -> Followed:
        """What the calls of a law gave; where a layer could not be built, why not."""
        built: dict[int, Refusal | None] = {0: None}
        replies: list[Reply | Refusal] = []
        for call in plan.calls:
            if call.layer not in built and not call.fresh:
                built[call.layer] = requests.refusal(self._receive())
            reply = self._reply()
            replies.append(built.setdefault(call.layer, None) or reply)
        for _ in range(len(built) - 1):
            self._receive()
        return Followed(plan, tuple(replies))

    def _receive(self) -> Message:
        return self._worker.receive()

    def _reply(self) -> Reply | Refusal:
        reply = requests.reply(self._receive())
        if isinstance(reply, Reply):
            self.forward_seconds += reply.seconds
        return reply

    # ------------------------------------------------------------ losses

    def _after_loss(self, sent: Sent, due: Sequence[Expectation | None], loss: WorkerLost) -> list[Observation]:
        """The batch again, every case and every law alone; a loss that does not happen again is the first case's."""
        self._restart()
        seen = [self._alone(_single(sent, index), due[index]) for index in range(len(sent.drawn))]
        if not isinstance(seen[0].reply, Lost):
            seen[0] = replace(seen[0], laws={name: self._law_alone(sent, name) for name in sent.laws})
        laws = (law for law in seen[0].laws.values() if isinstance(law, Followed))
        if not any(isinstance(observation.reply, Lost) for observation in seen) and not any(law.lost for law in laws):
            seen[0] = replace(_observation(sent, due, 0), reply=replace(_lost(loss), repeated=False))
        return seen

    def _law_alone(self, sent: Sent, name: str) -> Followed | Unclaimed:
        plan = sent.laws[name]
        if isinstance(plan, Unclaimed):
            return plan
        single = replace(_single(sent, 0), thorough=False, laws={name: plan})
        self._submit(single)
        try:
            return self._collect(single, [None])[0].laws[name]
        except WorkerLost as loss:
            self._restart()
            return Followed(plan, (), _lost(loss))

    def _alone(self, sent: Sent, due: Expectation | None) -> Observation:
        self._submit(sent)
        try:
            return self._collect(sent, [due])[0]
        except WorkerLost as loss:
            self._restart()
            return replace(_observation(sent, [due], 0), reply=_lost(loss))

    def _restart(self) -> None:
        self._restarts_left -= 1
        if self._restarts_left < 0:
            raise BrokenImplementationError(f"{self.launch.name} was lost too often; the rest was not run")
        self._worker.restart()


def _expectations(sent: Sent, held_to: Mapping[str, Precision]) -> Sequence[Expectation | None]:
    cases = sent.batch.cases
    if cases[0].rejection is not None:
        return [None] * len(cases)
    return expectations(cases, sent.drawn, held_to[sent.batch.config.dtype])


def _observation(sent: Sent, due: Sequence[Expectation | None], index: int) -> Observation:
    sampled = index == 0 and int(sent.batch.config.id, 16) % SAMPLED == 0
    return Observation(sent.batch.cases[index], due[index], sampled=sampled)


def _single(sent: Sent, index: int) -> Sent:
    """One case of a batch, as a batch of its own."""
    batch = Batch(sent.batch.phase, sent.batch.config, sent.batch.cases[index : index + 1])
    return Sent(batch, sent.modes[index : index + 1], sent.drawn[index : index + 1], sent.thorough)


def _lost(loss: WorkerLost) -> Lost:
    return Lost("timeout" if isinstance(loss, WorkerTimeout) else "crash", str(loss))


def _looked_again(sent: Sent, answer: Message | None, replies: Sequence[Reply | Refusal]) -> dict[str, Any]:
    """What looking again at the first call tells, if every call was answered."""
    if answer is None or not all(isinstance(reply, Reply) for reply in replies):
        return {}
    if (refused := requests.refusal(answer)) is not None:
        return {"recalled": refused}
    recalled = requests.recalled(answer)
    names = [weight.name for weight in weights(sent.batch.config)]
    pairs = zip(names, sent.drawn[-1].weights, recalled.weights, strict=False)
    return {"recalled": recalled, "weights_after": {name: (was, is_) for name, was, is_ in pairs}}
