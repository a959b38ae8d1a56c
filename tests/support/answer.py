"""Answers of coroutines that are at hand."""

from collections.abc import Awaitable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


def answer(awaitable: Awaitable[T]) -> T:
    """
    Give what an awaitable gives, which must not have to wait.

    Raises:
        AssertionError: It waits for something.
    """
    results: list[object] = []
    deferred = (
        awaitable
        if isinstance(awaitable, Deferred)
        else Deferred.fromCoroutine(awaitable)  # type: ignore[arg-type]
    )
    deferred.addBoth(results.append)
    if not results:
        raise AssertionError("the answer is not at hand")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]  # type: ignore[return-value]
