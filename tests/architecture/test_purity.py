"""Guards: importing a piece loads that piece, and no package that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.architecture import tree

ARGON2 = {"argon2", "_argon2_cffi_bindings", "_cffi_backend", "cffi"}
CRYPTOGRAPHY = {"cryptography", "_openssl", "_cffi_backend", "cffi", "bcrypt"}  # bcrypt where it is installed
KEYS = CRYPTOGRAPHY | ARGON2  # a keyring may be wrapped by a passphrase
SIGNING = {"itsdangerous"}
ONE_TIME = {"pyotp"}
BASE = KEYS | SIGNING | ONE_TIME

ALLOWED = {
    "errors": set[str](),
    "cookies": set[str](),
    "headers": set[str](),
    "origin": set[str](),
    "redirects": set[str](),
    "client_address": set[str](),
    "passwords": ARGON2,
    "password_rules": ARGON2,
    "keys": KEYS,
    "fields": KEYS,
    "tokens": KEYS | SIGNING,
    "totp": KEYS | ONE_TIME,
}
"""What importing a piece may load; a piece that is not named here may load the base packages."""

PROGRAM = """
import importlib, json, sys
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(module: str) -> set[str]:
    """The modules that a fresh interpreter loads for ``import module``."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, module], cwd=tree.ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stdout))


def strangers(names: set[str]) -> set[str]:
    """The top-level packages among ``names`` that are neither ours nor the standard library's."""
    tops = {name.partition(".")[0] for name in names}
    return {
        top for top in tops if top not in sys.stdlib_module_names and top not in {tree.PACKAGE, "__mp_main__"}
    }


PIECES = sorted(
    child
    for child in tree.below("stores")
    if f"{tree.PACKAGE}.{child}" in tree.sources() and not child.startswith("_")
)


@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_loads_what_it_needs_and_no_more(piece: str) -> None:
    """``import secureacct.<piece>`` loads no third-party package beyond those of the piece."""
    unexpected = strangers(loaded_by(f"{tree.PACKAGE}.{piece}")) - ALLOWED.get(piece, BASE)
    assert not unexpected


def test_the_root_is_lazy() -> None:
    """``import secureacct`` loads none of our modules and no third-party package."""
    loaded = loaded_by(tree.PACKAGE)
    assert not strangers(loaded)
    assert {name for name in loaded if name.startswith("secureacct.")} == set()


def test_a_store_does_not_load_another_store() -> None:
    """The memory store loads neither SQLAlchemy nor Redis."""
    if f"{tree.PACKAGE}.stores.memory" not in tree.sources():
        pytest.fail("there is no memory store")
    assert not strangers(loaded_by("secureacct.stores.memory")) & {"sqlalchemy", "redis", "psycopg"}
