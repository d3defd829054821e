"""Breaking the example in one way turns exactly that line of the evidence red, and no other."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from secureacct.assembly import Assembly
from secureacct.commitments.catalogue import OURS
from secureacct.doctor.promises.run import gather
from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import CHEAPEST
from secureacct.web.site import WebSite
from tests.commitments.breaks import PREPARED, SPOILED, Stage

ALL_KEPT = {one.id: "kept" for one in OURS}
CHECKABLE = {one.id for one in OURS if one.kind in ("software", "configuration")}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The example before it is made; hashes that cost little, for their strength is not the question."""
    monkeypatch.setattr(
        "secureacct.doctor.promises.library_checks.PasswordHasher", partial(PasswordHasher, CHEAPEST)
    )
    return Stage(monkeypatch, tmp_path)


def evidence(app: Any, stage: Stage) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Every verdict, and what the broken ones said."""
    shell = app.extensions["secureacct"]
    choices = replace(shell.site.assembly.choices, hasher=PasswordHasher(CHEAPEST))
    shell.site = WebSite(Assembly(shell.site.settings, choices))
    stage.patch.setattr("secureacct.doctor.promises.run.open_app", lambda target: (app, target))
    folder = stage.folder / "rehearsal"
    folder.mkdir()
    made = gather("examples.flask_account:create_app", folder=folder)
    said = {
        one.commitment.id: [f.said for f in one.findings if f.status == "broken"] for one in made.verdicts
    }
    return {one.commitment.id: one.status for one in made.verdicts}, said


def test_the_whole_example_keeps_every_promise(stage: Stage) -> None:
    """On a real host, with its keyring under a passphrase, nothing is broken and nothing is left open."""
    verdicts, said = evidence(stage.make(), stage)
    assert verdicts == ALL_KEPT, said


def test_every_promise_that_software_keeps_is_broken_once() -> None:
    """No line of the catalogue is without a break that shows it can turn red."""
    assert {name[:3] for name in (*PREPARED, *SPOILED)} == CHECKABLE


@pytest.mark.parametrize("name", sorted((*PREPARED, *SPOILED)))
def test_one_break_turns_one_line_red(name: str, stage: Stage) -> None:
    """Exactly the broken promise is red, because a check saw it, and the others stay as they were."""
    if name in PREPARED:
        PREPARED[name](stage)
    verdicts, said = evidence(stage.make(SPOILED.get(name)), stage)
    assert verdicts == {**ALL_KEPT, name[:3]: "broken"}, said
    assert not any("check itself failed" in one for one in said[name[:3]]), said
