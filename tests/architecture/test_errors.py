"""Guards: every error is ours, has a code and words of its own, and hides what caused it."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from secureacct.errors import SecureAcctError
from tests.architecture import tree

ALLOWED_BUILTINS = {"TypeError", "AttributeError", "NotImplementedError", "StopIteration", "SystemExit"}
"""Mistakes of the calling code that a type checker finds, and what the language itself asks for."""

SHELLS_FOR_PEOPLE = ("secureacct.cli", "secureacct.testing", "secureacct.doctor")


def our_errors() -> list[type[SecureAcctError]]:
    """Every error class of the package."""
    return [each for each in tree.classes() if issubclass(each, SecureAcctError)]


def test_every_error_has_its_own_code() -> None:
    """A code names one cause: it is written on the class, in snake case, and two classes share one only
    where one is a special case of the other."""
    found = []
    by_code: dict[str, type[SecureAcctError]] = {}
    for each in sorted(our_errors(), key=lambda one: len(one.__mro__)):
        general = by_code.setdefault(each.code, each)
        if "code" not in vars(each):
            found.append(f"{tree.full_name(each)} has no code of its own")
        elif not re.fullmatch(r"[a-z][a-z0-9_]*", each.code):
            found.append(f"{tree.full_name(each)} has the code {each.code!r}")
        elif not issubclass(each, general):
            found.append(f"{tree.full_name(each)} and {tree.full_name(general)} are both {each.code!r}")
    assert not found, "\n".join(found)


def test_every_error_says_what_it_means() -> None:
    """An error class has a docstring, a status of 4xx or 5xx, and a sentence for everybody."""
    for each in our_errors():
        name = tree.full_name(each)
        assert (vars(each).get("__doc__") or "").strip(), name
        assert 400 <= each.http_status_hint <= 599, name
        assert re.search(r"[.!?]$", each.public_message), name


def test_every_exception_class_is_under_our_root() -> None:
    """One ``except SecureAcctError`` catches everything that the package raises on purpose."""
    strays = [
        tree.full_name(each)
        for each in tree.classes()
        if issubclass(each, BaseException) and not issubclass(each, SecureAcctError)
        if not issubclass(each, Warning) and not each.__name__.startswith("_")
    ]
    assert not strays, "\n".join(strays)


def test_nothing_but_our_errors_is_raised() -> None:
    """No ``raise ValueError("...")`` and no third-party error: each cause has an error of ours.

    A bare ``raise ValueError``, or one inside a ``try``, is a signal between two lines of ours.
    """
    found = []
    for name, module in tree.modules().items():
        if name.startswith(SHELLS_FOR_PEOPLE):
            continue
        for raised, line in _raised_with_words(tree.parsed(tree.sources()[name])):
            value = getattr(module, raised, getattr(builtins, raised, None))
            if raised in ALLOWED_BUILTINS or not isinstance(value, type):
                continue
            if not issubclass(value, SecureAcctError) and not raised.startswith("_"):
                found.append(f"{tree.place(tree.sources()[name], line)} raises {raised}")
    assert not found, "\n".join(found)


def _raised_with_words(root: ast.AST) -> Iterator[tuple[str, int]]:
    """``raise Name(words)`` outside the body of a ``try``: (name, line)."""
    for node in ast.iter_child_nodes(root):
        if isinstance(node, ast.Try):
            for part in (*node.handlers, *node.orelse, *node.finalbody):
                yield from _raised_with_words(part)
            continue
        made = node.exc if isinstance(node, ast.Raise) else None
        if isinstance(made, ast.Call) and made.args and isinstance(made.func, ast.Name):
            yield made.func.id, made.lineno
        yield from _raised_with_words(node)


def test_an_error_never_carries_its_cause() -> None:
    """In an ``except`` a new error is raised ``from None``: a cause in a trace may hold a secret."""
    found = []
    for name, file in tree.sources().items():
        if name.startswith(SHELLS_FOR_PEOPLE):
            continue
        for handler in ast.walk(tree.parsed(file)):
            if isinstance(handler, ast.ExceptHandler):
                found += [tree.place(file, node.lineno) for node in _own_raises(handler) if not _hides(node)]
    assert not found, "\n".join(found)


def _own_raises(handler: ast.ExceptHandler) -> list[ast.Raise]:
    found: list[ast.Raise] = []
    waiting: list[ast.AST] = list(handler.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise):
            found.append(node)
        waiting.extend(ast.iter_child_nodes(node))
    return found


def _hides(node: ast.Raise) -> bool:
    if node.exc is None or isinstance(node.exc, ast.Name):  # the same error goes on
        return True
    return isinstance(node.cause, ast.Constant) and node.cause.value is None
