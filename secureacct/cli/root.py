"""The topics of the command line."""

from __future__ import annotations

import importlib
from typing import Final

import click

TOPICS: dict[str, str] = {
    "doctor": "look at the configuration, or at a running site, and say what to mend",
    "passwords": "calibrate, benchmark, wrap old hashes, build a blocklist",
    "keys": "make, show and rotate the keyring",
    "fields": "plan indexes, rotate and verify encrypted columns",
    "sessions": "list, end and purge sessions",
    "audit": "verify, follow, export and prune the security log",
    "commitments": "print the promises, what keeps each and how it is checked",
    "evidence": "check every promise, on the library or on an app in rehearsal",
    "retention": "show how long records stay, and delete what is past its time",
    "backup": "seal a dump or a keyring, and open it again, whole or not at all",
}
"""Topic -> one line of help. The group of ``x`` is ``secureacct.cli.x:group``."""


class Topics(click.Group):
    """A group that imports a topic when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every topic, without importing any."""
        return sorted(TOPICS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The group of one topic."""
        if cmd_name not in TOPICS:
            return None
        command: click.Command = importlib.import_module(f"secureacct.cli.{cmd_name}").group
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in the help text."""
        with formatter.section("Topics"):
            formatter.write_dl(sorted(TOPICS.items()))


root: Final = Topics(help="Account security from the command line.")
