"""Evidence: what the checks of the promises found, and nothing nicer than that.

Rules of this file: a promise is kept when it has checks and each of them said so; a check that could not
run leaves its promise unproven, never kept; a check that fails in an unforeseen way is a broken promise,
since nobody can say the opposite.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from secureacct.commitments.catalogue import Catalogue, Commitment
from secureacct.commitments.errors import BadPromise
from secureacct.errors import SecureAcctError

S = TypeVar("S")

Status = Literal["kept", "broken", "not_provable"]


class Broken(SecureAcctError):
    """Raised by a check: the promise is broken, and this is how it shows."""

    code = "promise_broken"


class CannotTell(SecureAcctError):
    """Raised by a check: it cannot run here, and this is why."""

    code = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Check(Generic[S]):
    """One way to find out whether a promise is kept. ``run`` returns what it saw, or raises
    :class:`Broken` or :class:`CannotTell`. ``on``: what it looks at."""

    commitment: str
    name: str
    run: Callable[[S], str]
    on: Literal["site", "library"] = "site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found."""

    check: str
    status: Status
    said: str
    took_ms: float
    on: Literal["site", "library"] = "site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What all checks of one promise found together."""

    commitment: Commitment
    status: Status
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One run over all promises."""

    made_at: int  # seconds since the epoch
    subject: str  # "library", or the app's name
    versions: tuple[tuple[str, str], ...]
    verdicts: tuple[Verdict, ...]

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """The promises that are broken."""
        return tuple(one for one in self.verdicts if one.status == "broken")


class Checks(Generic[S]):
    """Checks of one kind of subject, registered one by one: ``@checks("C06", "a copied cookie")``."""

    def __init__(self) -> None:
        self._checks: list[Check[S]] = []

    def __call__(self, commitment: str, name: str) -> Callable[[Callable[[S], str]], Callable[[S], str]]:
        """Register a check of a promise."""

        def register(run: Callable[[S], str]) -> Callable[[S], str]:
            self._checks.append(Check(commitment, name, run))
            return run

        return register

    def __iter__(self) -> Any:
        return iter(self._checks)


def run_check(check: Check[S], subject: S, *, timer: Callable[[], float] = time.perf_counter) -> Finding:
    """Run one check."""
    start = timer()
    status: Status
    try:
        said = check.run(subject)
        status = "kept"
    except Broken as broken:
        status, said = "broken", str(broken)
    except CannotTell as cannot:
        status, said = "not_provable", str(cannot)
    except Exception as error:  # noqa: BLE001 - whatever it is, the promise was not shown to be kept
        status, said = "broken", f"the check itself failed: {type(error).__name__}"
    took_ms = round((timer() - start) * 1000, 1)
    return Finding(check=check.name, status=status, said=said, took_ms=took_ms, on=check.on)


def judge(
    catalogue: Catalogue,
    runs: Iterable[tuple[Iterable[Check[Any]], Any]],
    *,
    subject: str,
    made_at: int,
    versions: Sequence[tuple[str, str]],
) -> Evidence:
    """Run all checks, each group with its own subject, and judge every promise of the catalogue.

    :raises BadPromise: a check of a promise that is in no catalogue.
    """
    findings: dict[str, list[Finding]] = {one.id: [] for one in catalogue}
    for checks, of in runs:
        for check in checks:
            if check.commitment not in findings:
                if check.commitment.startswith("C"):
                    continue  # one of ours that this site does not make
                raise BadPromise(
                    f"check {check.name!r} is about {check.commitment}, which is no promise here"
                )
            findings[check.commitment].append(run_check(check, of))
    return Evidence(
        made_at=made_at,
        subject=subject,
        versions=tuple(versions),
        verdicts=tuple(
            Verdict(commitment=one, status=_status(findings[one.id]), findings=tuple(findings[one.id]))
            for one in catalogue
        ),
    )


def _status(findings: Sequence[Finding]) -> Status:
    if any(one.status == "broken" for one in findings):
        return "broken"
    if findings and all(one.status == "kept" for one in findings):
        return "kept"
    return "not_provable"
