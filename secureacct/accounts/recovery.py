"""Every second factor lost: the password, a link in the mail, and a week in which anybody who is told
can say no.

Rules of this file: mail alone never recovers an account that has a second factor; the wait begins
with both proofs; every known channel is told and can cancel; at the end the factors are removed, all
sessions end, and nobody is signed in.
"""

from __future__ import annotations

from secureacct.accounts import mails, recording
from secureacct.accounts.directory import Known
from secureacct.accounts.links import new_link, read_link, use
from secureacct.accounts.outcomes import CheckMail, LinkUnknown, LinkUsed, SignInRejected
from secureacct.accounts.parts import AccountParts, Visit, new_id
from secureacct.accounts.registration import address_or_refuse
from secureacct.errors import StoreUnavailable
from secureacct.records.accounts import (
    CancelRecovery,
    FinishRecovery,
    Link,
    Recovery,
    StartRecovery,
    VoidRecoveries,
)
from secureacct.records.changes import Lost
from secureacct.records.factors import RemoveEveryFactor
from secureacct.records.sessions import BumpSecurityVersion, EndSessions
from secureacct.throttle import steps as throttle


async def ask_for_recovery(
    parts: AccountParts, email: str, password: str, *, visit: Visit = Visit()
) -> CheckMail:
    """Begin with the address and the password; a mail goes on from here. The same answer for all.

    :raises FieldInvalid: the address cannot be one.
    :raises Throttled: too many attempts.
    """
    now = parts.now()
    address = address_or_refuse(email)
    ticket = await throttle.admit(parts.throttle, action="sign_in", account=address, network=visit.network)
    known = await parts.people.find(address)
    try:
        right, _ = await parts.passwords.verify_and_update(
            password, known.password_hash if known else None, account_id=known.id if known else None
        )
    except BaseException:
        await throttle.withdrawn(parts.throttle, ticket)
        raise
    event = recording.happened(
        parts,
        "recovery_asked",
        outcome="ok" if right else "refused",
        account=known.id if known else None,
        visit=visit,
        now=now,
    )
    # Asked only after a right password: a wrong one is answered as quickly for somebody as for nobody.
    usable = right and known is not None and known.active and not known.password_paused
    factors = await parts.store.factors_of(known.id) if usable and known is not None else None
    if known is not None and factors is not None and factors.any:
        token, link = new_link(
            parts,
            "recover",
            lifetime=parts.lifetimes.recovery_link,
            now=now,
            account_id=known.id,
            subject=new_id(parts),
            security_version=known.security_version,
        )
        mail, links = mails.recover(parts, known, token=token, now=now)
        await parts.store.commit((link, *links), events=(event,), mails=mail)
    else:
        await parts.store.commit((), events=(event,))
    if right:
        await throttle.succeeded(parts.throttle, ticket)
    return CheckMail()


async def recovery_state(parts: AccountParts, token: str) -> Recovery | None:
    """What a recovery link would do now: None begins the wait, otherwise the wait and its end.

    :raises LinkUnknown, LinkUsed, LinkExpired: the link is dead.
    """
    _, _, recovery = await _where_it_stands(parts, token, now=parts.now())
    return recovery


async def _where_it_stands(
    parts: AccountParts, token: str, *, now: int
) -> tuple[Link, Known, Recovery | None]:
    link = await read_link(parts, token, "recover", now=now)
    known = await parts.people.by_id(link.account_id or "")
    if known is None or known.security_version != link.security_version:
        raise LinkUsed
    recovery = await parts.store.recovery(link.subject)
    if recovery is not None and recovery.state != "waiting":
        raise LinkUsed
    return link, known, recovery


async def go_on_with_recovery(parts: AccountParts, token: str, *, visit: Visit = Visit()) -> Recovery | None:
    """Use the link: first to begin the wait, and after the wait to remove the lost factors.

    :return: the recovery while it waits; None when it is done.
    :raises LinkUnknown, LinkUsed, LinkExpired: the link is dead.
    """
    now = parts.now()
    link, known, recovery = await _where_it_stands(parts, token, now=now)
    if not known.active:
        raise LinkUnknown
    if recovery is None:
        started = Recovery(
            id=link.subject,
            account_id=known.id,
            state="waiting",
            started_at=now,
            ripe_at=now + int(parts.lifetimes.recovery_wait.total_seconds()),
        )
        cancel_token, cancel = new_link(
            parts,
            "recover_cancel",
            lifetime=parts.lifetimes.recovery_wait,
            now=now,
            account_id=known.id,
            subject=started.id,
        )
        event = recording.happened(
            parts, "recovery_begun", outcome="ok", account=known.id, visit=visit, now=now
        )
        mail = mails.recovery_started(
            parts, known, cancel_token=cancel_token, ripe_at=started.ripe_at, now=now
        )
        done = await parts.store.commit(
            (StartRecovery(recovery=started), cancel), events=(event,), mails=(mail,)
        )
        if isinstance(done, Lost):
            raise LinkUsed
        return started
    if recovery.ripe_at > now:
        return recovery
    event = recording.happened(parts, "recovered", outcome="ok", account=known.id, visit=visit, now=now)
    mail_done, links = mails.factor_changed(
        parts, known, visit, name="recovered", detail="every factor", now=now
    )
    done = await parts.store.commit(
        (
            use(link, now=now),
            FinishRecovery(id=recovery.id, account_id=known.id, now=now),
            BumpSecurityVersion(account_id=known.id, expected=known.security_version),
            RemoveEveryFactor(account_id=known.id),
            EndSessions(account_id=known.id, keep=None, now=now),
            *links,
        ),
        events=(event,),
        mails=mail_done,
    )
    if isinstance(done, Lost):
        raise LinkUsed
    await throttle.cleared(parts.throttle, action="second_factor", account=known.id)
    return None


async def cancel_link_works(parts: AccountParts, token: str) -> None:
    """Look at a cancel link without using it.

    :raises LinkUnknown, LinkUsed, LinkExpired: it is dead.
    """
    link = await read_link(parts, token, "recover_cancel", now=parts.now())
    recovery = await parts.store.recovery(link.subject)
    if recovery is None or recovery.state != "waiting":
        raise LinkUsed


async def cancel_recovery(parts: AccountParts, token: str, *, visit: Visit = Visit()) -> None:
    """Say no to a recovery.

    :raises LinkUnknown, LinkUsed, LinkExpired: the link is dead.
    """
    now = parts.now()
    link = await read_link(parts, token, "recover_cancel", now=now)
    known = await parts.people.by_id(link.account_id or "")
    if known is None:
        raise LinkUnknown
    event = recording.happened(
        parts, "recovery_cancelled", outcome="ok", account=known.id, visit=visit, now=now
    )
    mail, links = mails.recovery_cancelled(parts, known, visit, now=now)
    done = await parts.store.commit(
        (use(link, now=now), CancelRecovery(id=link.subject, account_id=known.id), *links),
        events=(event,),
        mails=mail,
    )
    if isinstance(done, Lost):
        raise LinkUsed


async def recover_by_operator(parts: AccountParts, account_id: str, *, visit: Visit = Visit()) -> None:
    """The operator has made sure who asks, by other means: remove every factor, end every session,
    and let the password be set anew by mail.

    :raises SignInRejected: there is no such account.
    :raises StoreUnavailable: the account changed at this very moment; try again.
    """
    now = parts.now()
    known = await parts.people.by_id(account_id)
    if known is None:
        raise SignInRejected
    event = recording.happened(
        parts, "recovered", outcome="ok", reason="operator", account=known.id, visit=visit, now=now
    )
    mail, links = mails.factor_changed(parts, known, visit, name="recovered", detail="every factor", now=now)
    done = await parts.store.commit(
        (
            BumpSecurityVersion(account_id=known.id, expected=known.security_version),
            RemoveEveryFactor(account_id=known.id),
            VoidRecoveries(account_id=known.id),
            EndSessions(account_id=known.id, keep=None, now=now),
            *links,
        ),
        events=(event,),
        mails=mail,
    )
    if isinstance(done, Lost):
        raise StoreUnavailable("the account changed meanwhile")
