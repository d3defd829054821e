"""Every event there is, with what the account's owner reads about it.

Rule 1: a name is stable and says what happened; how it ended is the outcome, why is the reason.
Rule 2: ``warn`` marks what is mailed to every verified address of the account.
Rule 3: an app's own events are called ``app.<name>`` and need no entry here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

APP_EVENT = re.compile(r"app\.[a-z0-9_.]{1,60}\Z")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event. ``words`` is a sentence for outcome "ok", ``refused`` for the others."""

    words: str
    refused: str = ""
    owner: bool = True  # whether the owner's activity page shows it
    warn: bool = False  # whether it is mailed


CATALOGUE: Mapping[str, Kind] = MappingProxyType(
    {
        # coming and going
        "sign_up": Kind("Someone signed up with this address."),
        "verification_mail": Kind("A link to confirm the address was sent."),
        "account_opened": Kind("The address was confirmed and the account opened."),
        "sign_in": Kind("You signed in.", "A sign-in was refused."),
        "second_factor": Kind(
            "The second step of a sign-in was passed.", "The second step of a sign-in was refused."
        ),
        "sign_out": Kind("You signed out."),
        "sessions_ended": Kind("Other devices were signed out."),
        "session_expired_used": Kind("A session that had ended was used again.", owner=True),
        "new_device": Kind("A new device signed in.", warn=True),
        "fresh_proof": Kind("You confirmed that it is you.", "Confirming that it is you was refused."),
        "password_paused": Kind(
            "Signing in by password is paused after too many wrong attempts.", owner=True, warn=True
        ),
        # what opens the account
        "password_changed": Kind("The password was changed.", warn=True),
        "reset_asked": Kind("A link to set a new password was asked for."),
        "password_reset": Kind("A new password was set with a mailed link.", warn=True),
        "email_change_asked": Kind("A change of the e-mail address was asked for.", warn=True),
        "email_changed": Kind("The e-mail address was changed.", warn=True),
        "email_change_undone": Kind("A change of the e-mail address was undone.", warn=True),
        "factor_enrolment_begun": Kind("Setting up a second step was begun."),
        "factor_added": Kind("A second step was added.", "A code did not match while setting up.", warn=True),
        "factor_removed": Kind("A second step was removed.", warn=True),
        "recovery_codes_made": Kind("New recovery codes were made.", warn=True),
        "passkey_added": Kind("A passkey was added.", warn=True),
        "passkey_removed": Kind("A passkey was removed.", warn=True),
        "passkey_suspect": Kind("A passkey looked as if it had been copied.", warn=True),
        "recovery_asked": Kind("Recovery of the account was asked for."),
        "recovery_begun": Kind("Recovery of the account was begun.", warn=True),
        "recovery_cancelled": Kind("Recovery of the account was cancelled.", warn=True),
        "recovered": Kind("The account was recovered.", warn=True),
        "not_me": Kind("Someone said: this was not me. The account was locked down.", warn=True),
        # what is kept about the person
        "profile_changed": Kind("The profile was changed."),
        "consent_changed": Kind("A choice about your data was changed."),
        "unsubscribed": Kind("A mailing was stopped."),
        "policy_accepted": Kind("The policy was accepted."),
        "export_asked": Kind("A copy of your data was asked for.", warn=True),
        "export_made": Kind("A copy of your data was made.", warn=True),
        "deletion_asked": Kind("Deleting the account was asked for.", warn=True),
        "deletion_cancelled": Kind("Deleting the account was cancelled.", warn=True),
        "account_deleted": Kind("The account was deleted.", warn=True),
        "account_disabled": Kind("The account was disabled by the site."),
        "account_enabled": Kind("The account was enabled by the site."),
        # at the door and in the house
        "throttled": Kind("Too many attempts were made."),
        "spraying": Kind("Many sign-ins fail across accounts.", owner=False),
        "link_refused": Kind("A link that no longer works was opened."),
        "anomaly": Kind("Something unusual was noticed.", warn=True),
        "audit_pruned": Kind("Old stretches of this log were removed.", owner=False),
        "control_failed": Kind("A part of the protection did not work.", owner=False),
    }
)


def known(name: str) -> bool:
    """Whether an event may be called this."""
    return name in CATALOGUE or APP_EVENT.match(name) is not None


def words(name: str, outcome: str) -> str:
    """One sentence for the account's owner."""
    kind = CATALOGUE.get(name)
    if kind is None:
        return name.removeprefix("app.").replace("_", " ").replace(".", " ").capitalize() + "."
    if outcome in ("ok", "attempted"):
        return kind.words if outcome == "ok" else _attempted(kind)
    return kind.refused or kind.words.rstrip(".") + ", without success."


def _attempted(kind: Kind) -> str:
    return kind.words.rstrip(".") + " (begun)."
