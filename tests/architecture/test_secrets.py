"""Guards: a secret never shows in a repr."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from tests.architecture import tree

SECRET = re.compile(
    r"(^|_)(token|tokens|secret|secrets|password|passphrase|code|codes|key|sealed|pepper|otp|cookie|"
    r"plaintext|private_key|password_hash|encoded|email|phone)$|^sealed_"
)
HARMLESS_TYPES = re.compile(r"^(int|bool|float|timedelta|datetime)( \| None)?$|^ClassVar|^Callable|Policy$")

NOT_SECRET = {
    "secureacct.audit.verifying.Finding.code": "names what is wrong with the log",
    "secureacct.cli._wrapping.Table.key": "a column",
    "secureacct.consent.ledger.Said.key": "which purpose, list or partner",
    "secureacct.mail.lint_words.Language.secret": "a pattern",
    "secureacct.orm.rotation.run.Report.per_key": "counts by key id",
    "secureacct.orm.rotation.rows.Change.key": "a row's primary key",
    "secureacct.passwords.rules.Problem.code": "names what is wrong with a password",
    "secureacct.records.consents.Choice.key": "which purpose, list or partner",
    "secureacct.records.consents.LedgerEntry.key": "which purpose, list or partner",
    "secureacct.records.disclosures.RecordDisclosure.choice_key": "which partner",
    "secureacct.web.pages.Problem.code": "names what is wrong with a form",
}
"""Fields that are named like a secret and hold none, and what they hold."""


def repr_is_written_by_hand(owner: type[Any]) -> bool:
    """Whether the package wrote the repr of ``owner`` itself, or a decorator made it."""
    code = getattr(owner.__repr__, "__code__", None)
    return code is not None and tree.PACKAGE in Path(code.co_filename).parts


def test_no_secret_shows_in_the_repr_of_a_record() -> None:
    """A dataclass field that is named like a secret has ``repr=False``."""
    found = []
    for owner in tree.classes():
        if not dataclasses.is_dataclass(owner):
            continue
        for field in dataclasses.fields(owner):
            name = f"{tree.full_name(owner)}.{field.name}"
            declared = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
            if not SECRET.search(field.name) or HARMLESS_TYPES.search(declared) or name in NOT_SECRET:
                continue
            if field.repr and not repr_is_written_by_hand(owner):
                found.append(name)
    assert not found, "\n".join(found)


def test_no_secret_is_kept_in_a_named_tuple() -> None:
    """A named tuple shows everything, so one with a field named like a secret writes its own repr."""
    found = [
        f"{tree.full_name(owner)}.{field}"
        for owner in tree.classes()
        if issubclass(owner, tuple) and not repr_is_written_by_hand(owner)
        for field in getattr(owner, "_fields", ())
        if SECRET.search(field) and f"{tree.full_name(owner)}.{field}" not in NOT_SECRET
    ]
    assert not found, "\n".join(found)


def test_every_exemption_is_still_needed() -> None:
    """A name in the list of exemptions is the name of a field that exists."""
    fields = {
        f"{tree.full_name(owner)}.{field.name}"
        for owner in tree.classes()
        if dataclasses.is_dataclass(owner)
        for field in dataclasses.fields(owner)
    }
    assert set(NOT_SECRET) - fields == set()
