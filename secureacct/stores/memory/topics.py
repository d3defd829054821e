"""Finding, changing and removing records of a topic, each remembering how to undo it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from secureacct.stores.memory.journal import State

V = TypeVar("V")


def find(topic: dict[Any, V], holds: Callable[[V], bool]) -> list[Any]:
    """The keys of a topic whose records fit."""
    return [key for key, value in topic.items() if holds(value)]


def set_all(state: State, name: str, holds: Callable[[Any], bool], /, **values: Any) -> int:
    """The keys of a topic whose records fit."""
    topic = state.topic(name)
    keys = find(topic, holds)
    for key in keys:
        state.put(topic, key, replace(topic[key], **values))
    return len(keys)


def drop_all(state: State, name: str, holds: Callable[[Any], bool]) -> int:
    """Remove every record of a topic that fits; how many."""
    """Change every record of a topic that fits; how many."""
    topic = state.topic(name)
    keys = find(topic, holds)
    for key in keys:
        state.drop(topic, key)
    return len(keys)
