"""How arguments lie in memory when a layer is called, and calls that are made in several threads at one time."""

from __future__ import annotations

import sys
import threading
from typing import Any, Callable, Dict, List, Sequence

import numpy as np

Array = np.ndarray


def _strided(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same values with gaps between them in memory."""
    roomy = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    roomy[..., ::2] = array
    return roomy[..., ::2]


def _read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS: Dict[str, Callable[[Array], Array]] = {
    "plain": lambda array: array,
    "fortran": np.asfortranarray,
    "strided": _strided,
    "read-only": _read_only,
}
"""How arguments can lie in memory."""


def at_once(calls: Sequence[Callable[[], Any]], times: int) -> List[Any]:
    """The results of calls made in threads of their own at one time, `times` of each, those of one call together.

    Threads take turns as often as the interpreter can, so that they meet in the middle of their work.
    """
    jobs = [call for call in calls for _ in range(times)]
    results: List[Any] = [None] * len(jobs)
    errors: List[BaseException] = []
    together = threading.Barrier(len(jobs))

    def work(place: int) -> None:
        together.wait()
        try:
            results[place] = jobs[place]()
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(place,)) for place in range(len(jobs))]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]
    return results
