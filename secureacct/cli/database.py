"""The database that a command works on: it must be there, for a command makes none."""

from __future__ import annotations

from pathlib import Path

from secureacct.errors import ConfigurationError, MissingExtra


def existing(url: str, *, needed_for: str) -> str:
    """The URL, after a look at the file it names, if it names one: SQLite would make an empty database of a
    name with a mistake in it.

    :param needed_for: the command, for the message that says which extra is missing.
    :raises ConfigurationError: it is no SQLAlchemy URL, or there is no such file.
    :raises MissingExtra: SQLAlchemy is not installed.
    """
    try:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError
    except ModuleNotFoundError:
        raise MissingExtra("sql", needed_for=needed_for) from None
    try:
        read = make_url(url)
        read.get_dialect()
    except (ArgumentError, ValueError):  # the message may hold the URL's password
        raise ConfigurationError("this is no SQLAlchemy URL, such as sqlite:///app.db") from None
    name = read.database or ""
    if read.get_backend_name() == "sqlite" and not name.startswith("file:") and not Path(name).is_file():
        raise ConfigurationError(f"there is no database at {name or ':memory:'}")
    return url
