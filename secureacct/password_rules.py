"""The public door to the password rules."""

from __future__ import annotations

from secureacct.passwords.rules import PasswordRules, Problem

__all__ = ["PasswordRules", "Problem"]
