"""``secureacct commitments``: the promises, what keeps each, how it is checked, what is left to people."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
def group(as_json: bool, ids: tuple[str, ...]) -> None:
    """Print the promises, all of them or those with the given ids."""
    from secureacct.commitments.catalogue import Catalogue

    catalogue = Catalogue()
    unknown = [one for one in ids if one not in catalogue]
    if unknown:
        raise click.BadParameter(f"no promise {', '.join(unknown)}")
    chosen = [catalogue[one] for one in ids] if ids else list(catalogue)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in chosen], indent=1, ensure_ascii=False))
        return
    for one in chosen:
        click.echo(f"{one.id} {one.name} ({one.kind})")
        click.echo(f"  {one.words}")
        click.echo(f"  kept by: {one.kept_by}")
        click.echo(f"  check:   {one.check}")
        if one.people:
            click.echo(f"  people:  {one.people}")
        click.echo("")
