"""The keyring of a command: its options, and opening it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from secureacct.errors import ConfigurationError
from secureacct.keys import Keyring


def keyring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--keyring`` and ``--passphrase-file``, from the settings' environment variables too."""
    command = click.option(
        "--passphrase-file",
        envvar="SECUREACCT_KEYRING_PASSPHRASE_FILE",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="File with the passphrase that wraps the keyring.",
    )(command)
    return click.option(
        "--keyring",
        envvar="SECUREACCT_KEYRING",
        required=True,
        type=click.Path(path_type=Path),
        help="The keyring file.",
    )(command)


def passphrase_in(file: Path | None) -> str | None:
    """The passphrase in a file: its text without the line end.

    :raises ConfigurationError: the file is empty or not text.
    """
    if file is None:
        return None
    try:
        passphrase = file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{file} cannot be read as a passphrase") from None
    if not passphrase:
        raise ConfigurationError(f"{file} is empty; write the passphrase into it")
    return passphrase


def opened(keyring: Path, passphrase_file: Path | None) -> Keyring:
    """The keyring of a command."""
    return Keyring.load(keyring, passphrase_in(passphrase_file))
