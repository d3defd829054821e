"""Guards: the public names are those that ``__all__`` lists, and each of them is there."""

from __future__ import annotations

import importlib
from collections import Counter
from types import ModuleType

import pytest

from tests.architecture import tree

PACKAGES = sorted(name for name, file in tree.sources().items() if file.name == "__init__.py")


@pytest.mark.parametrize("name", sorted(set(tree.sources()) - tree.NOT_IMPORTED))
def test_every_listed_name_exists(name: str) -> None:
    """Each name in ``__all__`` can be had, and stands there once."""
    module = importlib.import_module(name)
    listed = list(getattr(module, "__all__", ()))
    assert [each for each, times in Counter(listed).items() if times > 1] == []
    assert [each for each in listed if not hasattr(module, each)] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_of_a_package_is_listed(name: str) -> None:
    """What ``__init__`` binds without an underscore is in ``__all__``, so nothing is public by accident."""
    module = importlib.import_module(name)
    listed = set(getattr(module, "__all__", ()))
    public = {
        each
        for each, value in vars(module).items()
        if not each.startswith("_") and each != "annotations" and not isinstance(value, ModuleType)
        if getattr(value, "__module__", name).startswith(tree.PACKAGE)
    }
    assert public - listed - _needless(name) == set()


def _needless(name: str) -> set[str]:
    return {"main", "TOPICS"} if name == "secureacct.cli" else set()


def test_the_root_gives_each_public_name_when_asked() -> None:
    """``secureacct.X`` is loaded on first use, shows in ``dir()``, and a wrong name is an AttributeError."""
    root = importlib.import_module(tree.PACKAGE)
    for each in getattr(root, "__all__", ()):
        assert getattr(root, each) is not None
        assert each in dir(root)
    with pytest.raises(AttributeError):
        root.no_such_name
