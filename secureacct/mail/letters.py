"""The words of every account mail, as data: one letter per kind.

Rules of this file: no letter asks for a password or code; a letter that tells of a change says what to do if
it was somebody else; facts are named in braces and filled in by ``compose``; links are named, and where they
lead is decided there too. A translation is another mapping with the same kinds, facts and links.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Action:
    """A link: its name, and the words people press."""

    link: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The words of one kind of mail. ``{facts}`` may stand in subject and paragraphs."""

    subject: str
    before: tuple[str, ...]
    actions: tuple[Action, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def links(self) -> frozenset[str]:
        """The names of its links."""
        return frozenset(action.link for action in self.actions)


_CHANGE_WAS_ME: Final = "If it was you, there is nothing to do."
_NOT_ME: Final = Action("not_me", "This was not me: protect my account")
_NOT_ME_DOES: Final = (
    "That signs every device out, takes back new ways to sign in, holds back other changes, and helps you to"
    " set a new password."
)
_IGNORE: Final = "If it was not you, you can ignore this mail: nothing changes."

ENGLISH: Final[Mapping[str, Letter]] = MappingProxyType(
    {
        "verify": Letter(
            subject="Confirm your address for {site}",
            before=("Somebody, probably you, signed up at {site} with this address.",),
            actions=(Action("confirm", "Confirm this address"),),
            after=("The link works once, for {lifetime}.", _IGNORE),
        ),
        "already_registered": Letter(
            subject="You already have an account at {site}",
            before=(
                (
                    "Somebody, probably you, tried to sign up at {site} with this address, which has an"
                    " account already."
                ),
            ),
            actions=(Action("sign_in", "Sign in"), Action("reset", "Set a new password")),
            after=(_IGNORE,),
        ),
        "reset": Letter(
            subject="Set a new password for {site}",
            before=("Somebody, probably you, asked for a new password for your account at {site}.",),
            actions=(Action("reset", "Choose a new password"),),
            after=(
                (
                    "The link works once, for {lifetime}. Every device is signed out, and your second step"
                    " stays as it is."
                ),
                _IGNORE,
            ),
        ),
        "password_changed": Letter(
            subject="Your password for {site} was changed",
            before=(
                "The password of your account at {site} was changed on {when}, {device}.",
                _CHANGE_WAS_ME,
            ),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "password_paused": Letter(
            subject="Your password for {site} is paused",
            before=(
                (
                    "There were too many wrong tries at the password of your account at {site}, so it does"
                    " not open the"
                    " account any more."
                ),
                "Where you are signed in you stay signed in. A new password opens the account again.",
            ),
            actions=(Action("reset", "Choose a new password"),),
            after=("The link works once, for {lifetime}.",),
        ),
        "email_change_confirm": Letter(
            subject="Confirm your new address for {site}",
            before=("An account at {site} is to use this address from now on.",),
            actions=(Action("confirm", "Confirm this address"),),
            after=("The link works once, for {lifetime}.", _IGNORE),
        ),
        "email_change_asked": Letter(
            subject="Your address at {site} is about to change",
            before=(
                (
                    "Somebody signed in to your account at {site} asked for mail to go to {address} instead,"
                    " on {when},"
                    " {device}."
                ),
                "Nothing has changed yet: that address has to be confirmed first. " + _CHANGE_WAS_ME,
            ),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "email_change_notice": Letter(
            subject="Your address at {site} was changed",
            before=("Your account at {site} now uses the address {address}.", _CHANGE_WAS_ME),
            actions=(Action("undo", "Undo this change"),),
            after=(
                (
                    "You can undo it for {lifetime}. This address comes back, every device is signed out,"
                    " and you set a new password by a mail to it."
                ),
            ),
        ),
        "email_is_yours": Letter(
            subject="This address now belongs to your account at {site}",
            before=("Your account at {site} uses this address from now on.",),
            actions=(Action("sign_in", "Sign in"),),
        ),
        "email_change_undone": Letter(
            subject="The change of your address at {site} was undone",
            before=(
                (
                    "Your account at {site} uses this address again. Every device was signed out, and what"
                    " was added to the account since the change was removed."
                ),
            ),
            actions=(Action("reset", "Set a new password"),),
        ),
        "new_device": Letter(
            subject="New sign-in to your account at {site}",
            before=(
                (
                    "Somebody signed in to your account at {site} on {when}, {device}, in a browser that we"
                    " had not seen"
                    " with it before."
                ),
                _CHANGE_WAS_ME,
            ),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "sign_in_after_failures": Letter(
            subject="Sign-in to your account at {site} after many wrong attempts",
            before=(
                (
                    "Somebody signed in to your account at {site} on {when}, {device}, in a browser that we"
                    " had not seen with it before. Just before, there had been many wrong attempts."
                ),
                _CHANGE_WAS_ME,
            ),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "sign_in_from_elsewhere": Letter(
            subject="Your account at {site} is in use from two places",
            before=(
                (
                    "Somebody signed in to your account at {site} on {when}, {device}, from the network"
                    " {network}. It was not used with your account before, and your account was in use from"
                    " another network at the same time."
                ),
                _CHANGE_WAS_ME,
            ),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "sign_in_from_new_place": Letter(
            subject="Sign-in to your account at {site} from a new place",
            before=(
                (
                    "Somebody signed in to your account at {site} on {when}, {device}, from the network"
                    " {network}. Neither this browser nor this network was used with your account before."
                ),
                _CHANGE_WAS_ME,
            ),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "ended_session_used": Letter(
            subject="What a browser of yours kept for {site} was used after it was signed out",
            before=(
                (
                    "Somebody used what a browser of yours had kept for {site}, after it was signed out, on"
                    " {when}, {device}. It opened nothing."
                ),
                (
                    "If your connection broke while you signed out, it may have been that browser itself. If"
                    " not, somebody has a copy."
                ),
            ),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "session_stolen": Letter(
            subject="We signed out a device of your account at {site}",
            before=(
                (
                    "A copy of what one of your browsers kept for {site} was used, so we signed that browser"
                    " out. You may have to sign in again."
                ),
                "If you did not restore a backup of your browser, somebody may have copied it.",
            ),
            actions=(Action("sign_in", "Sign in"), Action("reset", "Set a new password")),
        ),
        "factor_added": Letter(
            subject="A way to sign in was added to your account at {site}",
            before=("Added to your account at {site} on {when}, {device}: {factor}.", _CHANGE_WAS_ME),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "factor_removed": Letter(
            subject="A way to sign in was removed from your account at {site}",
            before=("Removed from your account at {site} on {when}, {device}: {factor}.", _CHANGE_WAS_ME),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "passkey_suspect": Letter(
            subject="A passkey of your account at {site} may have been copied",
            before=(
                (
                    "The passkey {factor} of your account at {site} was used on {when}, {device}, and counted"
                    " its uses in a way that can mean that a copy of it exists."
                ),
                "If you restored or moved that device, remove the passkey and add it anew.",
            ),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "recovery_codes_made": Letter(
            subject="New recovery codes for your account at {site}",
            before=(
                (
                    "A new set of recovery codes was made for your account at {site} on {when}, {device}."
                    " The codes of"
                    " before no longer work."
                ),
                _CHANGE_WAS_ME,
            ),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "recovery_code_used": Letter(
            subject="A recovery code for {site} was used",
            before=(
                (
                    "One of the recovery codes of your account at {site} was used on {when}, {device}. Codes"
                    " left: {left}."
                ),
                _CHANGE_WAS_ME,
            ),
            actions=(_NOT_ME, Action("codes", "Make a fresh set of codes")),
            after=(_NOT_ME_DOES,),
        ),
        "protected": Letter(
            subject="Your account at {site} is protected",
            before=(
                (
                    "You told us that something in your account at {site} was not you. Every device"
                    " was signed out, and changes to your address and to how you sign in are held back"
                    " until {when}."
                ),
            ),
            actions=(Action("reset", "Choose a new password"),),
            after=("The link works once, for {lifetime}.",),
        ),
        "recover": Letter(
            subject="Get back into your account at {site}",
            before=(
                (
                    "Somebody who knows the password of your account at {site} says that every second step"
                    " is lost."
                ),
            ),
            actions=(Action("recover", "Yes, begin"), _NOT_ME),
            after=(
                (
                    "After you begin there is a wait of {wait}, in which you can cancel. Then the second"
                    " steps are"
                    " removed. The link works once, for {lifetime}."
                ),
            ),
        ),
        "recovery_started": Letter(
            subject="The second steps of your account at {site} will be removed",
            before=(
                (
                    "On {when} every second step of your account at {site} will be removed, because somebody"
                    " with its"
                    " password and its mail said that they are lost. Until then you can cancel."
                ),
            ),
            actions=(Action("cancel", "Cancel: I have not lost them"),),
        ),
        "recovery_done": Letter(
            subject="The second steps of your account at {site} were removed",
            before=(
                (
                    "Every second step of your account at {site} was removed, and every device was"
                    " signed out. Sign in and set up a new one."
                ),
            ),
            actions=(Action("sign_in", "Sign in"), _NOT_ME),
        ),
        "recovery_cancelled": Letter(
            subject="Your second steps at {site} stay",
            before=("The removal of the second steps of your account at {site} was cancelled.",),
            actions=(_NOT_ME,),
            after=(
                "Whoever asked for it knows your password. If that was not you, protect your account. "
                + _NOT_ME_DOES,
            ),
        ),
        "export_ready": Letter(
            subject="Your data from {site} is ready",
            before=("The copy of your data that you asked {site} for is ready.",),
            actions=(Action("download", "Download my data"), _NOT_ME),
            after=("You need to be signed in. The file is kept for {lifetime}.",),
        ),
        "deletion_requested": Letter(
            subject="Your account at {site} will be deleted",
            before=(
                "Your account at {site} and its data will be deleted on {when}. Until then you can keep it.",
            ),
            actions=(Action("keep", "Keep my account"), _NOT_ME),
        ),
        "deletion_undone": Letter(
            subject="Your account at {site} stays",
            before=("The deletion of your account at {site} was cancelled.",),
            actions=(_NOT_ME,),
            after=(_NOT_ME_DOES,),
        ),
        "account_erased": Letter(
            subject="Your account at {site} was deleted",
            before=(
                "Your account at {site} was deleted on {when}. This is the last mail about it.",
                "Receipt: {receipt}",
            ),
        ),
    }
)
"""What we say in English."""

FOOTER_ENGLISH: Final[tuple[str, ...]] = (
    "This mail is from {site}, {home}. Its links lead there and nowhere else.",
    "Nobody at {site} will ask you for your password, by mail or by phone.",
)
"""How to know that a mail is ours; below every letter."""
