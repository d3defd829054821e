"""``secureacct doctor``: look at a configuration, or at a running site, and say what to mend."""

from __future__ import annotations

import json as to_json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from secureacct.doctor.findings import Finding

SIGNS = {"ok": "ok     ", "warn": "look   ", "bad": "BAD    ", "unknown": "unknown"}


@click.command()
@click.argument("url", required=False)
@click.option("--prefix", default="/account", show_default=True, help="Where the account pages are.")
@click.option("--ca-file", type=click.Path(exists=True), help="An authority to trust, for a local site.")
@click.option("--app", "target", help="package.module:create_app: look at what the app says in code, too.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def group(url: str | None, prefix: str, ca_file: str | None, target: str | None, as_json: bool) -> None:
    """Look at URL from outside, or, without one, at the configuration in SECUREACCT_* or of --app.

    Exit code 1 if anything is BAD.
    """
    from secureacct.doctor import configuration, site
    from secureacct.settings import Settings

    if url is not None and target is not None:
        raise click.UsageError("name a URL or an --app, not both")
    if target is not None:
        found = _of_app(target)
    elif url is not None:
        found = site.examine(url, prefix=prefix, ca_file=ca_file)
    else:
        found = configuration.examine(Settings.from_env())
    if as_json:
        click.echo(to_json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in found:
            source = f"  [{one.source}]" if one.source else ""
            click.echo(f"{SIGNS[one.level]} {one.id}: {one.said}{source}")
            if one.mend and one.level != "ok":
                click.echo(f"        to mend: {one.mend}")
    if any(one.level == "bad" for one in found):
        raise SystemExit(1)


def _of_app(target: str) -> list[Finding]:
    from secureacct.doctor import configuration
    from secureacct.doctor.promises.rehearsal import open_app
    from secureacct.web.flask.shell import shell_of

    sys.path.insert(0, "")  # the app is named as from here, as with python -m
    assembly = shell_of(open_app(target)[0]).site.assembly
    return configuration.examine(assembly.settings, assembly.choices)
