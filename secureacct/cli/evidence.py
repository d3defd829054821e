"""``secureacct evidence``: run the checks of the promises and write down what they found.

Rules of this file: the app runs in rehearsal, on a database, keyring and outbox of its own, so nothing of
the real site is opened, written or mailed; a broken promise is exit code 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.option("--app", "target", help="package.module:create_app, or :app. Without it, the library alone.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Where evidence.json, .md and .html go."
)
@click.option(
    "--as-is", is_flag=True, help="The app's configuration is one for tests: use its own database and users."
)
@click.option("--quiet", is_flag=True, help="Print the counts only.")
def group(target: str | None, out: Path | None, as_is: bool, quiet: bool) -> None:
    """Check every promise and write the evidence as JSON, Markdown and a page to print."""
    from secureacct.commitments import reports
    from secureacct.doctor.promises.run import gather

    sys.path.insert(0, "")  # the app is named as from here, as with python -m
    evidence = gather(target, as_is=as_is)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("evidence.json", reports.to_json(evidence)),
            ("evidence.md", reports.to_markdown(evidence)),
            ("evidence.html", reports.to_html(evidence)),
        ):
            (out / name).write_text(text, encoding="utf-8")
    for one in evidence.verdicts if not quiet else ():
        sign = {"kept": "kept        ", "broken": "BROKEN      ", "not_provable": "not provable"}[one.status]
        click.echo(f"{one.commitment.id} {sign} {one.commitment.name}")
        for finding in one.findings:
            if finding.status != "kept":
                click.echo(f"      {finding.check}: {finding.said}")
        if one.status == "broken":
            click.echo(f"      to mend: {one.commitment.mend}")
    left = [one.commitment for one in evidence.verdicts if one.commitment.people]
    if left and not quiet:
        click.echo("\nNot provable by software, and so left to people:")
        for promise in left:
            click.echo(f"  {promise.id} {promise.people}")
    click.echo(reports.summary(evidence))
    if evidence.broken:
        raise SystemExit(1)
