"""Which text governs the use of the site, who accepted which version, and what changed (C18).

Rules of this file: a version is its text; an altered text under a known name is refused; acceptance
names a hash, so nobody accepts a text that changed between reading and clicking. Children and
guardians are out of scope: nothing here proves who may accept for whom.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from secureacct._faces import Kind, awaiting, blocking, refuse_other_kind
from secureacct.commitments.errors import BadPromise, NothingDeclared, NotInForce, PolicyAltered
from secureacct.consent import ledger
from secureacct.consent.declarations import words_hash
from secureacct.consent.ledger import Said, account_subject
from secureacct.consent.steps import NotesChoices, no_events
from secureacct.keys import Keyring
from secureacct.ports.policies import PolicyReads
from secureacct.records.changes import Lost
from secureacct.records.consents import LedgerEntry
from secureacct.records.policies import PolicyVersion, RegisterPolicy


class PolicyStore(ledger.LedgerStore, PolicyReads, Protocol):
    """What policies ask of a store."""

    @property
    def kind(self) -> Kind:
        """Blocking, awaiting or both."""
        ...


def policy_version(
    *, policy: str, version: str, text: str, in_force: datetime, summary: str = ""
) -> PolicyVersion:
    """A version, ready to register. The text is normalised to ``\\n`` line ends and hashed.

    :param in_force: with a time zone; from then on this version applies.
    :param summary: what changed, in a few sentences for people.
    :raises BadPromise: a part is empty, or the moment has no time zone.
    """
    text = text.replace("\r\n", "\n").strip() + "\n"
    if not policy.strip() or not version.strip() or not text.strip():
        raise BadPromise("a policy version needs the policy's name, its own name, and a text")
    if in_force.tzinfo is None:
        raise BadPromise(f"policy {policy} {version}: in_force needs a time zone")
    return PolicyVersion(
        policy=policy,
        version=version,
        text=text,
        hash=words_hash(text),
        in_force_at=int(in_force.timestamp()),
        summary=summary,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRules:
    """``grace``: how long people may go on before they must answer a new version. ``on_refusal``: what
    becomes of who says no: the pages about their own data only, or nothing at all."""

    grace: timedelta = timedelta(days=14)  # ours; long enough for who signs in weekly
    on_refusal: Literal["own_data_only", "sign_out"] = "own_data_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpToDate:
    """The version in force is accepted, or there is none."""

    accepted: PolicyVersion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceDue:
    """A version in force is not accepted yet. Lead people to it; after ``until`` nothing else goes."""

    version: PolicyVersion
    accepted: PolicyVersion | None  # the last one that was
    until: int  # seconds since the epoch
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRefused:
    """The person said no to the version in force."""

    version: PolicyVersion
    then: Literal["own_data_only", "sign_out"]


PolicyStanding = UpToDate | AcceptanceDue | PolicyRefused


def what_changed(before: PolicyVersion | None, after: PolicyVersion) -> tuple[tuple[str, str], ...]:
    """The new text line by line: (``"same"`` | ``"added"`` | ``"removed"``, line)."""
    old = [] if before is None else before.text.splitlines()
    signs = {"  ": "same", "+ ": "added", "- ": "removed"}
    lines = difflib.ndiff(old, after.text.splitlines())
    return tuple((signs[line[:2]], line[2:]) for line in lines if line[:2] in signs)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyParts:
    """What the steps work with."""

    store: PolicyStore
    keys: Keyring
    rules: PolicyRules = PolicyRules()
    clock: Callable[[], float] = time.time
    events: NotesChoices = no_events

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())


async def register(parts: PolicyParts, version: PolicyVersion) -> bool:
    """Add a version; the same one again is fine. Gives whether it was new.

    :raises PolicyAltered: the name, the moment or the text is taken by another version.
    """
    if isinstance(await parts.store.commit([RegisterPolicy(policy=version)]), Lost):
        if await parts.store.policy_of(version.hash) == version:
            return False
        raise PolicyAltered(
            f"policy {version.policy} {version.version} differs from what was registered before; "
            "a changed text is a new version with its own name and moment"
        )
    return True


async def in_force(parts: PolicyParts, policy: str) -> PolicyVersion | None:
    """The version that applies now."""
    now = parts.now()
    versions = await parts.store.policy_versions(policy)
    return next((one for one in versions if one.in_force_at <= now), None)


async def standing(parts: PolicyParts, account_id: str, policy: str) -> PolicyStanding:
    """Where an account stands with a policy: what to let pass, and what to show."""
    current = await in_force(parts, policy)
    if current is None:
        return UpToDate(accepted=None)
    choice = await parts.store.choice_of(account_subject(account_id), "policy", policy)
    entry = None
    if choice is not None:
        entries = await parts.store.ledger_of(choice.subject, after=choice.position - 1, limit=1)
        entry = entries[0] if entries else None
    if entry is not None and entry.words_hash == current.hash:
        if entry.choice == "given":
            return UpToDate(accepted=current)
        return PolicyRefused(version=current, then=parts.rules.on_refusal)
    accepted = await _last_accepted(parts, account_id, policy)
    until = current.in_force_at + (0 if accepted is None else int(parts.rules.grace.total_seconds()))
    return AcceptanceDue(version=current, accepted=accepted, until=until, overdue=parts.now() >= until)


async def _last_accepted(parts: PolicyParts, account_id: str, policy: str) -> PolicyVersion | None:
    given = [one for one in await acceptances(parts, account_id, policy) if one.choice == "given"]
    return await parts.store.policy_of(given[-1].words_hash) if given else None


async def acceptances(parts: PolicyParts, account_id: str, policy: str) -> Sequence[LedgerEntry]:
    """Every answer of an account to a policy, oldest first."""
    found: list[LedgerEntry] = []
    after = 0
    while entries := await parts.store.ledger_of(account_subject(account_id), after=after):
        found += [one for one in entries if (one.topic, one.key) == ("policy", policy)]
        after = entries[-1].position
    return found


async def answer(
    parts: PolicyParts, account_id: str, policy: str, *, shown: bytes, accept: bool, how: str = "form"
) -> None:
    """Record that an account accepted or refused the text with the hash ``shown``.

    :raises NothingDeclared: no version of this policy is in force.
    :raises NotInForce: another version is in force by now; show that one.
    :raises LedgerBusy: many choices of this person at once.
    """
    current = await in_force(parts, policy)
    if current is None:
        raise NothingDeclared("no version of this policy is in force")
    if current.hash != shown:
        raise NotInForce("another version of this policy is in force")
    choice = "given" if accept else "refused"
    said = Said(
        topic="policy", key=policy, choice=choice, words=current.text, how=how, context=current.version
    )
    events = parts.events(
        "policy_accepted" if accept else "consent_changed", account_id=account_id, reason=f"{policy}_{choice}"
    )
    subject = account_subject(account_id)
    await ledger.record(parts.store, parts.keys, subject, [said], now=parts.now(), events=events)


class Policies:
    """Policy versions, for blocking programs."""

    def __init__(self, parts: PolicyParts) -> None:
        """:raises ConfigurationError: the store is an awaiting one."""
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    register: Final = blocking(register)
    in_force: Final = blocking(in_force)
    standing: Final = blocking(standing)
    acceptances: Final = blocking(acceptances)
    answer: Final = blocking(answer)


class AsyncPolicies:
    """Policy versions, for awaiting programs."""

    def __init__(self, parts: PolicyParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    register: Final = awaiting(register)
    in_force: Final = awaiting(in_force)
    standing: Final = awaiting(standing)
    acceptances: Final = awaiting(acceptances)
    answer: Final = awaiting(answer)
