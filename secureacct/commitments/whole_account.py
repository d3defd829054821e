"""Everything this library holds about an account, as holdings, and the parts that share one site.

Rules of this file: it ties accounts to the promises and decides nothing; what an account's owner may not see
(hashes, secrets, other people) is not shown; the security log stays for its time and says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from secureacct.accounts.parts import AccountParts, Visit
from secureacct.accounts.recording import happened
from secureacct.audit.catalogue import words as words_of
from secureacct.commitments import correspondence
from secureacct.commitments.archive import moment
from secureacct.commitments.correspondence import LetterParts
from secureacct.commitments.holdings import Facts, Holding, Holdings, held
from secureacct.consent.ledger import account_subject
from secureacct.consent.steps import NotesChoices
from secureacct.ports.consents import ConsentReads
from secureacct.ports.exports import HeldReads
from secureacct.records.accounts import EraseAccount
from secureacct.records.challenges import DropChallenges
from secureacct.records.changes import Change
from secureacct.records.events import Event
from secureacct.records.factors import EraseFactors
from secureacct.records.sessions import EndSessions, SetAccountStatus
from secureacct.sessions.birth import first_epoch

EVENTS_AT_ONCE = 200


def notes_of(parts: AccountParts) -> NotesChoices:
    """Writes choices, exports and deletions into the account's own security log."""

    def note(name: str, /, *, account_id: str | None, reason: str) -> Sequence[Event]:
        event = happened(
            parts, name, outcome="ok", reason=reason, account=account_id, visit=Visit(), now=parts.now()
        )
        return (event,)

    return note


def account_holdings(parts: AccountParts, *, letters: LetterParts | None = None) -> Holdings:
    """What is held about an account in our own tables. Add the app's tables to it.

    :param letters: where the app keeps correspondence, if it does.
    """
    store: Any = parts.store
    made = [_account(parts), _profile(parts), _sessions(parts), _factors(parts), _events(parts)]
    made += [_ledger(store), *_registered(store)]
    made.append(_letters(letters) if letters is not None else _rows_of(store, "letter"))
    return Holdings(made)


def _account(parts: AccountParts) -> Holding:
    async def rows(account_id: str) -> AsyncIterator[Facts]:
        account = await parts.store.account_by_id(account_id)
        known = await parts.people.by_id(account_id)
        if known is not None:
            yield {
                "id": known.id,
                "email": known.email,
                "email_verified": known.email_verified,
                "created_at": moment(account.created_at) if account is not None else None,
                "password_changed_at": moment(account.password_changed_at) if account is not None else None,
            }

    async def erase(account_id: str) -> Sequence[Change]:
        forget = EraseAccount(account_id=account_id)
        state = await parts.store.account_state(account_id)
        if state is not None and state.status == "deleted":
            return (forget,)  # the site was quicker; what is deleted stays deleted
        return (
            forget,
            SetAccountStatus(account_id=account_id, status="deleted", first_epoch=first_epoch(parts.random)),
        )

    words = "Your address, and when the account was made."
    return Holding(name="account", title="Your account", words=words, rows=rows, erase=erase)


def _profile(parts: AccountParts) -> Holding:
    async def rows(account_id: str) -> AsyncIterator[Facts]:
        known = await parts.people.by_id(account_id)
        if known is None:
            return
        for name, value in parts.vault.open_profile(known.sealed_profile, account_id=account_id).items():
            declared = parts.vault.profile_fields[name]
            shown = f"ends in {value[-declared.show_last :]}" if declared.show_last else value
            yield {"field": declared.label, "value": shown}

    words = "What you told us about yourself."
    return Holding(name="profile", title="Your profile", words=words, rows=rows, erase=_with_the_account)


async def _with_the_account(_account_id: str) -> Sequence[Change]:
    return ()  # EraseAccount takes it along


def _sessions(parts: AccountParts) -> Holding:
    async def rows(account_id: str) -> AsyncIterator[Facts]:
        for one in await parts.store.sessions_of(account_id):
            yield {"id": one.id, "last_seen_at": moment(one.seen_at), "ends_at": moment(one.ends_at)}

    async def erase(account_id: str) -> Sequence[Change]:
        return (EndSessions(account_id=account_id, now=parts.now()),)

    words = "Where you are signed in."
    return Holding(name="sessions", title="Your devices", words=words, rows=rows, erase=erase)


def _factors(parts: AccountParts) -> Holding:
    async def rows(account_id: str) -> AsyncIterator[Facts]:
        factors = await parts.store.factors_of(account_id)
        for app in factors.totp:
            yield {"kind": "authenticator app", "name": app.name, "created_at": moment(app.created_at)}
        for key in factors.passkeys:
            yield {"kind": "passkey", "name": key.name, "created_at": moment(key.created_at)}
        if factors.recovery_codes_left:
            yield {"kind": "recovery codes", "left": factors.recovery_codes_left}

    async def erase(account_id: str) -> Sequence[Change]:
        return (EraseFactors(account_id=account_id), DropChallenges(account_id=account_id))

    words = "How you prove that it is you. Secrets are not shown."
    return Holding(name="factors", title="Second steps", words=words, rows=rows, erase=erase)


def _events(parts: AccountParts) -> Holding:
    async def rows(account_id: str) -> AsyncIterator[Facts]:
        before: str | None = None
        while page := await parts.store.events_of(account_id, limit=EVENTS_AT_ONCE, before=before):
            for one in page:
                yield {"at": moment(one.at), "what": words_of(one.name, one.outcome), "outcome": one.outcome}
            before = page[-1].id

    return Holding(
        name="events",
        title="Your security log",
        words="What happened in your account.",
        rows=rows,
        kept="It protects everybody against abuse for the log's own time, under a number that belongs to "
        "nobody any more. The key that opened the device and the network in it is destroyed.",
    )


def _ledger(store: ConsentReads) -> Holding:
    async def rows(account_id: str) -> AsyncIterator[Facts]:
        after = 0
        while entries := await store.ledger_of(account_subject(account_id), after=after):
            for one in entries:
                yield {
                    "at": moment(one.at),
                    "about": f"{one.topic}: {one.key}",
                    "choice": one.choice,
                    "how": one.how,
                    "words": await store.words(one.words_hash),
                }
            after = entries[-1].position

    return Holding(
        name="choices",
        title="Your choices",
        words="What you agreed to, refused and took back, with the words you saw.",
        rows=rows,
        kept="It proves what was agreed to, and names only a number that belongs to nobody any more.",
    )


def _registered(store: HeldReads) -> list[Holding]:
    return [
        held(
            store,
            "subscription",
            title="Mailings",
            words="The lists you are on, or were.",
            show=lambda row: {
                "list": row["list_id"],
                "state": row["state"],
                "since": moment(row["since"]),
                "last_mailed_at": moment(row["last_mailed_at"] or None),
            },
        ),
        held(
            store,
            "disclosure",
            title="Who got what",
            words="What went to partners, when, and what for. Never the values.",
            show=lambda row: {
                "at": moment(row["at"]),
                "partner": row["partner"],
                "purpose": row["purpose"],
                "fields": row["fields"],
            },
        ),
    ]


def _rows_of(store: HeldReads, table: str) -> Holding:
    return held(
        store,
        table,
        title="Letters",
        words="What you wrote to us.",
        show=lambda row: {"at": moment(row["at"])},
    )


def _letters(letters: LetterParts) -> Holding:
    async def rows(account_id: str) -> AsyncIterator[Facts]:
        for one in await correspondence.letters_of(letters, account_id=account_id):
            yield {
                "at": moment(one.at),
                "direction": one.direction,
                "subject": one.subject,
                "text": one.text,
                "kept_until": moment(one.keep_until),
            }

    async def erase(account_id: str) -> Sequence[Change]:
        return correspondence.forget_changes(letters, address=None, account_id=account_id)

    words = "What you wrote to us, and what we answered."
    return Holding(name="letter", title="Letters", words=words, rows=rows, erase=erase)
