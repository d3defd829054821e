"""The evidence says kept where a promise is kept, and turns exactly that line red where it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from click.testing import CliRunner

from secureacct.cli.commitments import group as print_promises
from secureacct.cli.evidence import group as give_evidence
from secureacct.commitments import reports
from secureacct.commitments.catalogue import OURS, Catalogue, Commitment
from secureacct.commitments.errors import BadPromise
from secureacct.commitments.evidence import Broken, CannotTell, Check, Checks, judge
from secureacct.doctor.promises.lab import Lab
from secureacct.doctor.promises.library_checks import checks as library
from secureacct.doctor.promises.page_checks import checks as of_pages
from secureacct.doctor.promises.privacy_checks import checks as privacy
from secureacct.doctor.promises.rehearsal import open_app, rehearse
from secureacct.doctor.promises.run import gather, versions
from secureacct.doctor.promises.site_checks import checks as of_site
from secureacct.errors import ConfigurationError
from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import CHEAPEST
from tests.commitments.stage import make_site

OWN = Commitment(
    id="SHOP01", name="fresh-bread", words="Bread is fresh.", kept_by="the baker", check="Smell.",
    mend="Bake.",
)  # fmt: skip


@pytest.fixture(scope="session")
def hasher():
    """A hash that costs little: what is checked here is not its strength."""
    return PasswordHasher(CHEAPEST)


def test_what_a_site_does_not_offer_cannot_be_told(tmp_path, hasher):
    """A site that declares nothing breaks nothing; what it does not offer is neither kept nor broken."""
    rehearsal = rehearse(make_site(tmp_path, hasher=hasher), tmp_path, name="stage")
    checks = [(of_site, rehearsal), (of_pages, rehearsal)]
    evidence = judge(Catalogue(), checks, subject="stage", made_at=0, versions=())
    found = {one.commitment.id: one.status for one in evidence.verdicts if one.findings}
    assert {key for key, status in found.items() if status != "kept"} == {"C10", "C18"}
    assert {found["C10"], found["C18"]} == {"not_provable"}
    assert not (tmp_path / "real.db").exists(), "the real database was touched"


def test_the_library_keeps_what_it_can_be_asked_for():
    """On the library alone nothing is broken, and what needs an app is not claimed."""
    evidence = gather()
    found = {one.commitment.id: one.status for one in evidence.verdicts}
    assert "broken" not in found.values()
    assert {key for key, status in found.items() if status == "not_provable"} == {
        "C03",
        "C04",
        "C06",
        "C07",
        "C08",
    }


def test_every_promise_has_a_check_and_every_check_a_promise():
    """No promise of the catalogue is without any check, and ids are in order."""
    checked = {one.commitment for group in (library, privacy, of_site, of_pages) for one in group}
    assert checked == {one.id for one in OURS}
    assert [one.id for one in OURS] == [f"C{number:02d}" for number in range(1, 22)]


SABOTAGE = {
    "C09": ("secureacct.consent.cookie_choice.says_gpc", lambda header: False),
    "C10": ("secureacct.commitments.mailing_stops.stop_changes", lambda *_, **__: ()),
    "C12": ("secureacct.statistics.publishable", lambda counts, *, min_group: (dict(counts), 45)),
    "C18": ("secureacct.consent.ledger.ledger_mac", lambda keys, entry, *, previous: b"same"),
    "C19": ("secureacct.doctor.promises.library_checks.safe_next", lambda target, base: target),
    "C21": ("secureacct.doctor.promises.library_checks.problems", lambda served, now: ()),
}


@pytest.mark.parametrize("promise", SABOTAGE)
def test_a_piece_that_stops_keeping_its_promise_is_found(promise, monkeypatch):
    """A sabotaged piece turns its own line red."""
    where, made = SABOTAGE[promise]
    monkeypatch.setattr(where, made)
    broken = set()
    for check in (*library, *privacy):
        try:
            check.run(Lab())
        except Broken:
            broken.add(check.commitment)
    assert broken == {promise}


def test_a_check_that_fails_by_itself_counts_as_broken():
    """Nobody can say that such a promise is kept; one that cannot run is not proven; none is no proof."""
    checks: Checks[Any] = Checks()

    @checks("SHOP01", "falls over")
    def falls_over(subject):
        raise ZeroDivisionError("secret text")

    def status(*runs):
        made = [Check("SHOP01", str(number), run) for number, run in enumerate(runs)]
        evidence = judge(Catalogue([OWN]), [(made, None)], subject="x", made_at=0, versions=())
        return next(one for one in evidence.verdicts if one.commitment.id == "SHOP01")

    def cannot(subject):
        raise CannotTell("no oven")

    assert status(falls_over).status == "broken"
    assert "secret text" not in status(falls_over).findings[0].said
    assert status(lambda _: "fresh", cannot).status == "not_provable"
    assert status(lambda _: "fresh").status == "kept"
    assert status().status == "not_provable"


def test_an_app_adds_promises_of_its_own_and_changes_none_of_ours():
    """Own ids are free; ours can be left out, not replaced; a check without a promise is refused."""
    assert "SHOP01" in Catalogue([OWN])
    assert len(Catalogue([OWN], without=["C14"])) == len(OURS)
    for wrong in ({"own": [replace(OWN, id="C06")]}, {"own": [OWN, OWN]}, {"without": ["C99"]}):
        with pytest.raises(BadPromise):
            Catalogue(**wrong)
    with pytest.raises(BadPromise):
        replace(OWN, words="")
    with pytest.raises(BadPromise):
        replace(OWN, kind="organisational")
    stray: list[Check[Any]] = [Check("SHOP02", "x", lambda _: "x")]
    with pytest.raises(BadPromise):
        judge(Catalogue(), [(stray, None)], subject="x", made_at=0, versions=())


def test_the_three_reports_say_the_same():
    """JSON, Markdown and HTML agree; what a check said cannot act in the page."""
    nasty = "<script>alert(1)</script> | x"
    made = [Check("C06", "page", lambda _: nasty), Check("C21", "contact", _broken)]
    evidence = judge(Catalogue(), [(made, None)], subject="a<b", made_at=0, versions=versions())
    data = json.loads(reports.to_json(evidence))
    assert data["made_at"] == "1970-01-01T00:00:00Z"
    assert data["counts"] == {"kept": 1, "broken": 1, "not_provable": 19}
    assert next(one for one in data["commitments"] if one["id"] == "C21")["mend"]
    text = reports.to_markdown(evidence)
    assert "| C21 |" in text
    assert "BROKEN" in text
    assert "x \\| x" not in text.replace("\\| x", "")
    page = reports.to_html(evidence)
    assert "<script>" not in page
    assert "a&lt;b" in page
    HTMLParser().feed(page)
    for one in evidence.verdicts:
        assert one.commitment.id in text
        assert one.commitment.id in page


def _broken(_):
    raise Broken("expired")


def test_the_command_writes_all_three_and_tells_by_its_exit_code(tmp_path):
    """0 where nothing is broken; the files are there."""
    done = CliRunner().invoke(give_evidence, ["--out", str(tmp_path / "ev")])
    assert done.exit_code == 0, done.output
    assert sorted(one.name for one in (tmp_path / "ev").iterdir()) == [
        "evidence.html",
        "evidence.json",
        "evidence.md",
    ]
    assert "left to people" in done.output


def test_the_command_says_one_when_something_is_broken(monkeypatch):
    """A broken promise is exit code 1, with what to do."""
    monkeypatch.setattr("secureacct.doctor.promises.library_checks.problems", lambda served, now: ())
    done = CliRunner().invoke(give_evidence, [])
    assert done.exit_code == 1
    assert "C21 BROKEN" in done.output
    assert "to mend: Set SECUREACCT_CONTACT" in done.output


def test_the_catalogue_is_printed():
    """For people and for programs."""
    shown = CliRunner().invoke(print_promises, ["C06"]).output
    assert "sign-out" in shown
    assert len(json.loads(CliRunner().invoke(print_promises, ["--json"]).output)) == 21
    assert CliRunner().invoke(print_promises, ["C99"]).exit_code == 2


def test_an_app_that_cannot_be_rehearsed_is_refused(tmp_path, hasher):
    """A name that is none, or an app with its own users, is a clear error and not a surprise."""
    for wrong in ("nothing", "nothing.here:app", "json:nothing"):
        with pytest.raises(ConfigurationError):
            open_app(wrong)
    app = make_site(tmp_path, hasher=hasher)
    shell = app.extensions["secureacct"]
    shell.site.assembly.choices = replace(shell.site.assembly.choices, directory=object())
    with pytest.raises(ConfigurationError, match="own users"):
        rehearse(app, tmp_path, name="x")
