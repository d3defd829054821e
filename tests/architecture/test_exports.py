"""Guards: the public names are those that ``__all__`` lists, and each of them is there."""

from __future__ import annotations

import importlib
from collections import Counter

import pytest

from tests.architecture import tree

PROGRAMS = {"secureacct.cli"}  # run, not imported
PACKAGES = sorted(name for name, file in tree.sources().items() if file.name == "__init__.py")


@pytest.mark.parametrize("name", sorted(set(tree.sources()) - tree.NOT_IMPORTED))
def test_every_listed_name_exists(name: str) -> None:
    """Each name in ``__all__`` can be had, and stands there once."""
    module = importlib.import_module(name)
    listed = list(getattr(module, "__all__", ()))
    assert [each for each, times in Counter(listed).items() if times > 1] == []
    assert [each for each in listed if not hasattr(module, each)] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_that_a_package_defines_is_listed(name: str) -> None:
    """What ``__init__`` itself defines without an underscore is in ``__all__``."""
    if name in PROGRAMS:
        return
    module = importlib.import_module(name)
    defined = {
        each
        for each, value in vars(module).items()
        if not each.startswith("_") and getattr(value, "__module__", None) == name
    }
    assert defined - set(getattr(module, "__all__", ())) == set()


def test_the_root_gives_each_public_name_when_asked() -> None:
    """``secureacct.X`` is loaded on first use, shows in ``dir()``, and a wrong name is an AttributeError."""
    root = importlib.import_module(tree.PACKAGE)
    for each in getattr(root, "__all__", ()):
        assert getattr(root, each) is not None
        assert each in dir(root)
    with pytest.raises(AttributeError):
        root.no_such_name
