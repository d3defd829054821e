"""The command line: one file per topic, loaded only when its command is called."""

from __future__ import annotations

import sys

from secureacct.errors import MissingExtra, SecureAcctError


def main() -> None:
    """The ``secureacct`` command. Exit codes: 0 done, 1 found something wrong, 2 cannot start."""
    try:
        from secureacct.cli.root import root
    except ModuleNotFoundError:
        raise SystemExit(str(MissingExtra("cli", needed_for="the command line"))) from None
    try:
        root(prog_name="secureacct", standalone_mode=True)
    except SecureAcctError as error:
        sys.stderr.write(f"secureacct: {error}\n")
        raise SystemExit(2) from None
