"""The security log of a running shop: sealed beside requests, green as it is, red once edited."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from click.testing import CliRunner

from secureacct.cli.audit import group
from tests.journeys.kit import Shop


def verify(folder: Path, database: str) -> int:
    """The exit code of ``secureacct audit verify``."""
    options = ["--database", f"sqlite:///{folder / database}", "--keyring", str(folder / "keyring.json")]
    ran = CliRunner().invoke(group, [*options, "verify", "--quiet", "--notes", str(folder / "checkpoints")])
    return ran.exit_code


def test_the_log_is_green_and_an_edited_copy_is_red(folder: Path) -> None:
    """What a journey wrote verifies against the checkpoints outside; a changed or cut-off copy does not."""
    shop = Shop(folder, settings={"SECUREACCT_AUDIT_CHECKPOINTS": str(folder / "checkpoints")})
    shop.member().post("/account/sign-out")
    assert shop.shell.seal() == 0  # nothing is a minute old yet
    shop.clock.forward(61)
    assert shop.shell.seal() == 1
    shop.close()
    assert (folder / "checkpoints").stat().st_mode & 0o777 == 0o600
    assert verify(folder, "shop.db") == 0
    for name, statement in {
        "edited.db": "UPDATE sa_event SET reason = 'passkey' WHERE name = 'sign_in'",
        "removed.db": "DELETE FROM sa_event WHERE name = 'sign_in'",
    }.items():
        shutil.copy2(folder / "shop.db", folder / name)
        with sqlite3.connect(folder / name) as connection:
            assert connection.execute(statement).rowcount > 0
        connection.close()
        assert verify(folder, name) == 1, name


def test_the_sealer_runs_beside_requests(folder: Path) -> None:
    """A request after a minute seals in the background; the next one within the minute does not."""
    shop = Shop(folder, choices={"seal_every_s": 60})
    shop.shell.ready()
    browser = shop.member()
    shop.clock.forward(61)
    shop.shell._sealing.acquire()  # wait for the thread of an earlier request
    shop.shell._sealing.release()
    shop.shell._seal_at = 0.0
    browser.get("/account/session")
    with shop.shell._sealing:
        pass
    audit = shop.shell.site.assembly.audit
    assert audit is not None
    from secureacct._faces import run_inline

    assert len(run_inline(audit.store.segments_after(0, limit=10))) == 1
    shop.close()
