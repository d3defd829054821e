"""Evidence for programs, for a repository, and for a printer: JSON, Markdown, HTML.

Rules of this file: all three say the same; the part that software cannot prove stands beside what it
can, never below the fold.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from secureacct.commitments.evidence import Evidence, Verdict

FORMAT = "secureacct/evidence/1"
_SIGN = {"kept": "kept", "broken": "BROKEN", "not_provable": "not provable"}
LEGEND: Final = """\
Kept: every check of the promise said so at this time, with these versions. Broken: one of them did not; what
to do stands beside it. Not provable: a check could not run here, and it says why.

Site: seen on the site itself in rehearsal, that is on its own code and configuration, with a database, keys
and mails made for it. Library: seen on the software that the site is built with; whether the site uses that
part of it is not shown by this line.

What no software can show is listed as such, and never counted as kept."""
"""What the words of a report mean, in paragraphs."""


def facts(evidence: Evidence) -> dict[str, Any]:
    """The evidence as plain data."""
    return {
        "format": FORMAT,
        "made_at": moment(evidence.made_at),
        "subject": evidence.subject,
        "versions": dict(evidence.versions),
        "counts": counts(evidence),
        "commitments": [
            {
                "id": one.commitment.id,
                "name": one.commitment.name,
                "words": one.commitment.words,
                "kind": one.commitment.kind,
                "kept_by": one.commitment.kept_by,
                "check": one.commitment.check,
                "status": one.status,
                "not_provable_by_software": one.commitment.people,
                "mend": one.commitment.mend if one.status == "broken" else "",
                "findings": [
                    {
                        "check": f.check,
                        "on": f.on,
                        "status": f.status,
                        "said": f.said,
                        "took_ms": f.took_ms,
                    }
                    for f in one.findings
                ],
            }
            for one in evidence.verdicts
        ],
    }


def moment(seconds: int) -> str:
    """RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def counts(evidence: Evidence) -> dict[str, int]:
    """How many promises are kept, broken, not provable."""
    return {status: sum(one.status == status for one in evidence.verdicts) for status in _SIGN}


def summary(evidence: Evidence) -> str:
    """One line of counts."""
    found = counts(evidence)
    return (
        f"{found['kept']} kept, {found['broken']} broken, {found['not_provable']} not provable by software."
    )


def to_json(evidence: Evidence) -> str:
    """For programs."""
    return json.dumps(facts(evidence), indent=1, ensure_ascii=False) + "\n"


def _people(verdicts: Iterable[Verdict]) -> list[str]:
    return [f"{one.commitment.id}: {one.commitment.people}" for one in verdicts if one.commitment.people]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def to_markdown(evidence: Evidence) -> str:
    """For a repository."""
    versions = ", ".join(f"{name} {version}" for name, version in evidence.versions)
    lines = [
        f"# Evidence: {evidence.subject}",
        "",
        f"{moment(evidence.made_at)}; {versions}",
        "",
        summary(evidence),
        "",
        LEGEND,
        "",
        "| | promise | status | what was seen |",
        "|---|---|---|---|",
    ]
    for one in evidence.verdicts:
        seen = "; ".join(f"{f.on}, {f.check}: {f.said}" for f in one.findings) or "no check ran"
        lines.append(
            f"| {one.commitment.id} | {_cell(one.commitment.words)} | {_SIGN[one.status]} | {_cell(seen)} |"
        )
    if evidence.broken:
        lines += ["", "## How to mend", ""]
        lines += [f"- **{one.commitment.id}**: {one.commitment.mend}" for one in evidence.broken]
    lines += ["", "## Not provable by software", ""]
    lines += [f"- {one}" for one in _people(evidence.verdicts)]
    return "\n".join(lines) + "\n"


def to_html(evidence: Evidence) -> str:
    """For a printer: one page, no script, nothing loaded from anywhere."""
    rows = []
    for one in evidence.verdicts:
        seen = (
            "".join(
                f"<li><b>{f.on.capitalize()}</b>, {html.escape(f.check)}: {html.escape(f.said)}</li>"
                for f in one.findings
            )
            or "<li>no check ran</li>"
        )
        mend = f"<p>To mend: {html.escape(one.commitment.mend)}</p>" if one.status == "broken" else ""
        people = f"<p><em>No software can show: {html.escape(one.commitment.people)}</em></p>"
        checked = f"<p class=how>Checked: {html.escape(one.commitment.check)}</p>"
        rows.append(
            f'<tr class="{one.status}"><th scope="row">{html.escape(one.commitment.id)}</th>'
            f"<td>{html.escape(one.commitment.words)}{checked}"
            f"{people if one.commitment.people else ''}</td>"
            f"<td>{_SIGN[one.status]}</td><td><ul>{seen}</ul>{mend}</td></tr>"
        )
    versions = ", ".join(f"{name} {version}" for name, version in evidence.versions)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Evidence: {html.escape(evidence.subject)}</title><style>"
        "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}"
        "h1,li{overflow-wrap:anywhere}th,td:nth-child(3){white-space:nowrap}"
        "table{border-collapse:collapse;width:100%}td,th{border:1px solid #767676;padding:.4rem;"
        "text-align:left;vertical-align:top}tr.broken td{font-weight:700}ul{margin:0;padding-left:1.2rem}"
        "td p{margin:.4rem 0 0}.how{color:#444}"
        "@media(max-width:40rem){table,tbody,tr,th,td{display:block}thead{display:none}"
        "tr{border:1px solid #767676;margin-bottom:1rem}th,td{border:0}}"
        "@page{margin:1.5cm}@media print{body{margin:0;max-width:none;font-size:9pt}tr{break-inside:avoid}"
        "thead{display:table-header-group}}</style>"
        f"<h1>Evidence: {html.escape(evidence.subject)}</h1>"
        f"<p>{moment(evidence.made_at)}; {html.escape(versions)}</p>"
        f"<p><strong>{summary(evidence)}</strong></p>"
        f"{''.join(f'<p>{html.escape(one)}</p>' for one in LEGEND.split(chr(10) * 2))}"
        "<table><thead><tr><th>Id<th>Promise<th>Status<th>What was seen</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></html>\n"
    )
