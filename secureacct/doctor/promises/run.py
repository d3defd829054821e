"""One run over all promises: the library first, then an app in rehearsal."""

from __future__ import annotations

import importlib.metadata
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from secureacct.commitments.catalogue import Catalogue
from secureacct.commitments.evidence import Check, Evidence, judge, run_check
from secureacct.doctor.promises.lab import Lab
from secureacct.doctor.promises.library_checks import checks as library
from secureacct.doctor.promises.page_checks import checks as of_pages
from secureacct.doctor.promises.privacy_checks import checks as privacy
from secureacct.doctor.promises.rehearsal import open_app, rehearse
from secureacct.doctor.promises.site_checks import checks as of_site

PACKAGES = ("secureacct", "cryptography", "argon2-cffi", "flask", "sqlalchemy")


def versions() -> tuple[tuple[str, str], ...]:
    """What the evidence was made with."""
    found = [("python", platform.python_version())]
    for name in PACKAGES:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return tuple(found)


class _FreshLab:
    """A new bench for every check, so that none finds what another left."""

    def __iter__(self) -> Iterator[Check[None]]:
        for check in (*library, *privacy):
            yield Check(check.commitment, check.name, _on_fresh_bench(check), "library")


def _on_fresh_bench(check: Check[Lab]) -> Callable[[None], str]:
    return lambda _nothing: check.run(Lab())


def gather(
    target: str | None = None,
    *,
    catalogue: Catalogue | None = None,
    own: Iterable[Check[Any]] = (),
    as_is: bool = False,
    folder: Path | None = None,
) -> Evidence:
    """Run every check there is.

    :param target: ``module:app`` or ``module:create_app``; None checks the library alone.
    :param catalogue: the site's promises; an app may leave its own, with their checks, as
        ``app.extensions["secureacct_promises"] = (Catalogue(...), checks)``.
    :param own: checks of the app's own promises; each gets the rehearsal.
    :param as_is: see :func:`secureacct.doctor.promises.rehearsal.rehearse`.
    :param folder: where the rehearsal keeps its files; a temporary one unless given.
    :raises ConfigurationError: the app cannot be rehearsed.
    """
    made_at = int(time.time())
    if target is None:
        return judge(
            catalogue or Catalogue(), [(_FreshLab(), None)],
            subject="library", made_at=made_at, versions=versions(),
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="secureacct-evidence-") as made:
        app, name = open_app(target)
        rehearsal = rehearse(app, folder or Path(made), name=name, as_is=as_is)
        promises, theirs = app.extensions.get("secureacct_promises", (None, ()))
        return judge(
            catalogue or promises or Catalogue(),
            [(_FreshLab(), None), (of_site, rehearsal), (of_pages, rehearsal), ((*own, *theirs), rehearsal)],
            subject=name, made_at=made_at, versions=versions(),
        )  # fmt: skip


__all__ = ["gather", "run_check", "versions"]
