"""One case and some laws on a living implementation; frameworks live for all tests of a process, they start slowly."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from contextlib import closing
from functools import cache

from driving import framework

from conformance.checks import Observation
from conformance.engine.implementations import Launch
from conformance.engine.session import Session
from conformance.engine.worker import Limits
from conformance.generate.phases import Batch
from conformance.reference import precision
from conformance.spec import Case


def on_framework(name: str, of: Case, *laws: str) -> Observation:
    """What a framework gives; the test is skipped where it is not installed."""
    return _seen(_session(name), of, laws)


def on_worker(launch: Launch, of: Case, *laws: str) -> Observation:
    """What a worker gives that is started for this alone."""
    with closing(Session(launch, Limits())) as session:
        session.start()
        return _seen(session, of, laws)


@cache
def _session(name: str) -> Session:
    session = Session(framework(name), Limits(seconds=120))
    session.start()
    atexit.register(session.close)
    return session


def _seen(session: Session, of: Case, laws: Sequence[str]) -> Observation:
    held_to = {dtype: precision(dtype) for dtype in ("float32", "float64")}
    batch = Batch("pinned", of.config, (of,))
    (seen,) = session.observe_batch(batch, held_to, "eager", thorough=False, laws=laws)
    return seen
