"""A small shop's customer account: what ``./run demo`` serves."""

from __future__ import annotations

from examples.flask_account.app import create_app

__all__ = ["create_app"]
