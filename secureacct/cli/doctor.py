"""``secureacct doctor``: look at a configuration, or at a running site, and say what to mend."""

from __future__ import annotations

import json as to_json
from dataclasses import asdict

import click

SIGNS = {"ok": "ok     ", "warn": "look   ", "bad": "BAD    ", "unknown": "unknown"}


@click.command()
@click.argument("url", required=False)
@click.option("--prefix", default="/account", show_default=True, help="Where the account pages are.")
@click.option("--ca-file", type=click.Path(exists=True), help="An authority to trust, for a local site.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def group(url: str | None, prefix: str, ca_file: str | None, as_json: bool) -> None:
    """Look at URL from outside, or, without one, at the configuration in SECUREACCT_*.

    Exit code 1 if anything is BAD.
    """
    from secureacct.doctor import configuration, site
    from secureacct.settings import Settings

    if url is not None:
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
