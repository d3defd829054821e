"""Small wrong changes to a module, made on its syntax tree.

Rules of this file: pure; the same source gives the same mutants in the same order; a mutant is known by the
function it is in, what stood there and what stands there now, so that a moved line keeps its name. What no
test could see is left alone: docstrings, type annotations, overloads, protocols, and the words of messages.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

FLIPPED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OTHER_SUM: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.Pow: ast.Mult,
}
UNSEEN_CALLS: Final = {"TypeVar", "cast", "super", "getLogger"}
"""Calls that are left alone: types, names and tools of the type checker."""
COMMUTE: Final = {"max", "min", "isinstance", "compare_digest"}
"""Calls whose arguments are not swapped: nothing would change, or nothing would run."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong change.

    :param place: the function it is in, with its classes.
    :param what: ``before -> after``, and ``#2`` where the same stands there for the second time.
    :param line: where it is now.
    :param source: the whole module, changed.
    """

    place: str
    what: str
    line: int
    source: str

    @property
    def name(self) -> str:
        """What it is known by."""
        return f"{self.place}: {self.what}"


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant of a module."""
    tree = ast.parse(source)
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    for place, parent, field, position, old, new in _changes(tree):
        changed = _with(tree, parent, field, position, new)
        what = f"{_short(old)} -> {_short(new)}"
        seen[f"{place}: {what}"] += 1
        times = seen[f"{place}: {what}"]
        what += f" #{times}" if times > 1 else ""
        found.append(Mutant(place, what, getattr(old, "lineno", 0), changed))
    return found


Change = tuple[str, ast.AST, str, int | None, ast.AST, ast.AST]


def _changes(tree: ast.Module) -> Iterator[Change]:
    def walk(node: ast.AST, place: str, words: bool) -> Iterator[Change]:
        for field, value in ast.iter_fields(node):
            if field in {"annotation", "returns", "type_params", "decorator_list", "bases"}:
                continue
            several = isinstance(value, list)
            for position, child in enumerate(value if several else [value]):
                if not isinstance(child, ast.AST) or _unseen(child):
                    continue
                inside = place
                if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    inside = f"{place}.{child.name}" if place else child.name
                worded = words or isinstance(child, ast.Raise | ast.JoinedStr)
                for new in _wrong(child, words=worded):
                    yield place or "module", node, field, position if several else None, child, new
                yield from walk(child, inside, worded)

    yield from walk(tree, "", False)


def _unseen(node: ast.AST) -> bool:
    if isinstance(node, ast.ClassDef):
        return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in _roots(node.bases))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)  # a docstring, or "..."
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        names = [each.id for each in node.targets if isinstance(each, ast.Name)]
        return any(name in {"__all__", "__slots__"} for name in names)
    if isinstance(node, ast.Call):
        called = node.func
        return (isinstance(called, ast.Name) and called.id in UNSEEN_CALLS) or (
            isinstance(called, ast.Attribute) and called.attr in UNSEEN_CALLS
        )
    return isinstance(node, ast.Import | ast.ImportFrom)


def _roots(bases: list[ast.expr]) -> list[ast.expr]:
    return [each.value if isinstance(each, ast.Subscript) else each for each in bases]


def _wrong(node: ast.AST, *, words: bool) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            new = copy.deepcopy(node)
            new.ops[at] = FLIPPED[type(operator)]()
            yield new
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in OTHER_SUM and not words:
        yield ast.BinOp(node.left, OTHER_SUM[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and type(node.op) in OTHER_SUM:
        yield ast.AugAssign(node.target, OTHER_SUM[type(node.op)](), node.value)
    elif isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in _other_values(node.value, words=words))
    elif isinstance(node, ast.Raise):
        yield ast.Pass()
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
        yield ast.Pass()
    elif isinstance(node, ast.Call) and len(node.args) > 1 and not words:
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if called not in COMMUTE and not any(isinstance(each, ast.Starred) for each in node.args[:2]):
            yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
    elif isinstance(node, ast.If | ast.While | ast.IfExp) and isinstance(
        node.test, ast.Name | ast.Attribute | ast.Call
    ):
        new_if = copy.copy(node)
        new_if.test = ast.UnaryOp(ast.Not(), node.test)
        yield new_if
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()


def _other_values(value: object, *, words: bool) -> Iterator[bool | int | float | str | bytes]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
        yield value - 1
    elif isinstance(value, bytes):
        yield value + b"X"
    elif isinstance(value, str) and not words:
        yield value + "X"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _with(tree: ast.Module, parent: ast.AST, field: str, position: int | None, new: ast.AST) -> str:
    """The module with one node exchanged; the tree is put back as it was."""
    held = getattr(parent, field)
    before = held if position is None else held[position]
    if position is None:
        setattr(parent, field, new)
    else:
        held[position] = new
    try:
        return ast.unparse(ast.fix_missing_locations(tree))
    finally:
        if position is None:
            setattr(parent, field, before)
        else:
            held[position] = before


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else f"{text[:60]} ... {text[-6:]}"
