"""One body per step, two faces.

A step is ``async def step(parts, ...)`` and says the order of store calls once. The blocking face
runs it in place, with no loop and no thread, which works because the methods of a blocking store are
``async def`` and never suspend. The awaiting face returns the coroutine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, cast

from secureacct.errors import ConfigurationError

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)

Kind = Literal["blocking", "awaiting", "both"]


class HasParts(Protocol[S_co]):
    """What a face is: something that holds the parts its steps need."""

    @property
    def parts(self) -> S_co: ...


class ServesBlocking(Protocol):
    """A store whose methods never suspend."""

    @property
    def kind(self) -> Literal["blocking", "both"]: ...


class ServesAwaiting(Protocol):
    """A store whose methods may suspend, or that does not care."""

    @property
    def kind(self) -> Literal["awaiting", "both"]: ...


def run_inline(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never suspends to its end, here and now.

    :raises ConfigurationError: it did suspend, so an awaiting store was given to a blocking face.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(R, stop.value)
    finally:
        coroutine.close()
    raise ConfigurationError("an awaiting store was given to a blocking face; use the Async class")


def blocking(
    step: Callable[Concatenate[S, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[HasParts[S], P], R]:
    """The blocking face of a step: a method of a class that has ``parts``."""

    @functools.wraps(step)
    def call(self: HasParts[S], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return run_inline(step(self.parts, *args, **kwargs))

    return call


def awaiting(
    step: Callable[Concatenate[S, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[HasParts[S], P], Coroutine[Any, Any, R]]:
    """The awaiting face of a step: a method of a class that has ``parts``."""

    @functools.wraps(step)
    def call(self: HasParts[S], /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        return step(self.parts, *args, **kwargs)

    return call


def refuse_other_kind(store: object, *, wanted: Literal["blocking", "awaiting"]) -> None:
    """Say at construction that a store belongs to the other face.

    :raises ConfigurationError: the store's ``kind`` is neither ``wanted`` nor ``both``.
    """
    kind = getattr(store, "kind", None)
    if kind not in ("blocking", "awaiting", "both"):
        given = f"the class {store.__name__}" if isinstance(store, type) else f"a {type(store).__name__}"
        raise ConfigurationError(f"{given} is no store: give MemoryStore() or SqlStore(engine)")
    if kind not in (wanted, "both"):
        other = "the Async class" if wanted == "blocking" else "the class without Async"
        raise ConfigurationError(
            f"{type(store).__name__} is a store of kind {kind!r}, and {wanted!r} is needed here; use {other}"
        )
