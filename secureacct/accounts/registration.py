"""Sign up and confirm.

Rules of this file: the answer never depends on whether the address is known; every sign-up for an
unconfirmed address is its own attempt with its own password and link; an account begins only when
one person shows both the mail's link and the browser or password of that same attempt (so nobody
prepares an account for somebody else's address); confirming one attempt ends all others.
"""

from __future__ import annotations

import hmac

from secureacct.accounts import mails, recording
from secureacct.accounts.links import hash_of, new_link, new_token, read_link, use
from secureacct.accounts.outcomes import (
    CheckMail,
    FieldInvalid,
    LinkExpired,
    LinkUsed,
    PasswordRejected,
    PasswordUnacceptable,
    Verified,
)
from secureacct.accounts.parts import AccountParts, Visit, new_id
from secureacct.mail.address import parse_address
from secureacct.records.accounts import (
    AddAttempt,
    Attempt,
    ClaimIdentifier,
    ConfirmAttempt,
    DropAttempts,
    OpenAccount,
)
from secureacct.records.changes import Lost
from secureacct.sessions.birth import first_epoch
from secureacct.throttle import steps as throttle

WORDS = "Enter an e-mail address like name@example.org."


def address_or_refuse(text: str, *, field_name: str = "email") -> str:
    """The address as given.

    :raises FieldInvalid: it cannot be one.
    """
    address = parse_address(text)
    if address is None:
        raise FieldInvalid(field_name, WORDS)
    return address


def password_or_refuse(parts: AccountParts, password: str, *, context: tuple[str, ...]) -> None:
    """Check a new password against the rules.

    :raises PasswordUnacceptable: with every problem found.
    """
    problems = parts.rules.check(password, context=(parts.site.name, *context))
    if problems:
        raise PasswordUnacceptable(problems)


async def sign_up(
    parts: AccountParts,
    email: str,
    password: str,
    *,
    visit: Visit = Visit(),
    browser_token: str | None = None,
) -> CheckMail:
    """Ask for an account. The answer is the same for every address; a mail does the telling.

    :param browser_token: the attempt cookie's value if the browser has one already; it stays.
    :raises FieldInvalid: the address cannot be one.
    :raises PasswordUnacceptable: the password breaks the rules.
    :raises Throttled: too many sign-ups for this address or from this network.
    """
    now = parts.now()
    address = address_or_refuse(email)
    password_or_refuse(parts, password, context=(address,))
    await throttle.admit(parts.throttle, action="registration", account=address, network=visit.network)
    attempt_id = new_id(parts)
    encoded = await parts.passwords.hash(password, account_id=attempt_id)
    token, digest = new_token(parts)
    if browser_token is not None and (own := hash_of(browser_token)) is not None:
        token, digest = browser_token, own
    known = await parts.people.find(address)
    event = recording.happened(
        parts, "sign_up", outcome="ok", account=known.id if known else None, visit=visit, now=now
    )
    # A known address gets the same rows under a name that is nobody's, so that the answer takes as long.
    whose = address if known is None else f"{attempt_id}@nobody.invalid".lower()
    attempt = Attempt(
        id=attempt_id,
        sealed_email=parts.vault.seal_attempt_email(whose, attempt_id=attempt_id),
        password_hash=encoded,
        browser_hash=digest,
        created_at=now,
        expires_at=now + int(parts.lifetimes.verify.total_seconds()),
    )
    link_token, link = new_link(parts, "verify", lifetime=parts.lifetimes.verify, now=now, subject=attempt.id)
    keep = AddAttempt(attempt=attempt, tokens=parts.vault.tokens(whose), at_most=parts.attempts_per_address)
    mail = (
        mails.verify(parts, address, token=link_token, now=now)
        if known is None
        else mails.already_registered(parts, known, now=now)
    )
    await parts.store.commit((keep, link), events=(event,), mails=(mail,))
    return CheckMail(browser_token=token)


async def send_link_again(
    parts: AccountParts, email: str, *, visit: Visit = Visit(), browser_token: str | None = None
) -> CheckMail:
    """Send the confirmation link again: to this browser's own attempt, or else the newest one's.

    The answer is the same for all addresses, and no more than one mail goes out.

    :raises FieldInvalid: the address cannot be one.
    :raises Throttled: too many mails to this address or from this network.
    """
    now = parts.now()
    address = address_or_refuse(email)
    await throttle.admit(parts.throttle, action="verification_mail", account=address, network=visit.network)
    known = await parts.people.find(address)
    attempts = await parts.store.attempts_for(parts.vault.tokens(address), now=now)
    event = recording.happened(
        parts, "verification_mail", outcome="ok", account=known.id if known else None, visit=visit, now=now
    )
    own = hash_of(browser_token) if browser_token else None
    waiting = tuple(attempts) if known is None else ()
    attempt = next((one for one in waiting if one.browser_hash == own), waiting[0] if waiting else None)
    # The same rows for every address: where no sign-up waits, a link whose token nobody gets.
    subject = attempt.id if attempt is not None else ""
    token, link = new_link(parts, "verify", lifetime=parts.lifetimes.verify, now=now, subject=subject)
    if known is not None:
        mail = mails.already_registered(parts, known, now=now)
    elif attempt is not None:
        mail = mails.verify(parts, address, token=token, now=now)
    else:
        mail = mails.no_verify(parts, token=token, now=now)
    await parts.store.commit((link,), events=(event,), mails=(mail,))
    return CheckMail()


async def verification_needs_password(parts: AccountParts, token: str, *, browser_token: str | None) -> bool:
    """Whether confirming with this link must ask for the password chosen at sign-up. Consumes nothing.

    :raises LinkUnknown, LinkUsed, LinkExpired: the link is dead.
    """
    now = parts.now()
    link = await read_link(parts, token, "verify", now=now)
    attempt = await parts.store.attempt(link.subject, now=now)
    if attempt is None:
        raise LinkUsed
    return not _same_browser(attempt, browser_token)


def _same_browser(attempt: Attempt, browser_token: str | None) -> bool:
    digest = hash_of(browser_token) if browser_token else None
    return digest is not None and hmac.compare_digest(digest, attempt.browser_hash)


async def verify(
    parts: AccountParts,
    token: str,
    *,
    password: str | None = None,
    visit: Visit = Visit(),
    browser_token: str | None = None,
) -> Verified:
    """Confirm an address and open the account with the attempt's own password.

    :param password: needed in another browser than the one that signed up.
    :raises PasswordRejected: another browser, and no or a wrong password.
    :raises LinkUnknown, LinkUsed, LinkExpired: the link is dead.
    :raises Throttled: too many wrong passwords.
    """
    now = parts.now()
    link = await read_link(parts, token, "verify", now=now)
    attempt = await parts.store.attempt(link.subject, now=now)
    if attempt is None:
        raise LinkUsed
    if not _same_browser(attempt, browser_token):
        ticket = await throttle.admit(
            parts.throttle, action="fresh_proof", account=attempt.id, network=visit.network
        )
        try:
            right, _ = await parts.passwords.verify_and_update(
                password or "", attempt.password_hash, account_id=attempt.id
            )
        except BaseException:
            await throttle.withdrawn(parts.throttle, ticket)
            raise
        if not right:
            raise PasswordRejected
        await throttle.succeeded(parts.throttle, ticket)
    address = parts.vault.open_attempt_email(attempt.sealed_email, attempt_id=attempt.id)
    tokens = parts.vault.tokens(address)
    account_id = new_id(parts)
    encoded = await parts.passwords.rebind(attempt.password_hash, account_id=attempt.id, to=account_id)
    event = recording.happened(
        parts, "account_opened", outcome="ok", account=account_id, visit=visit, now=now
    )
    done = await parts.store.commit(
        (
            use(link, now=now),
            # The identifier goes first: of several confirmations at once all others wait for it here, and
            # none of them holds what another one needs.
            ClaimIdentifier(tokens=tokens, account_id=account_id, now=now),
            ConfirmAttempt(attempt_id=attempt.id, now=now),
            DropAttempts(tokens=tokens),
            OpenAccount(
                account_id=account_id,
                first_epoch=first_epoch(parts.random),
                sealed_email=parts.vault.seal_email(address, account_id=account_id),
                password_hash=encoded,
                now=now,
            ),
        ),
        events=(event,),
    )
    if isinstance(done, Lost):
        raise LinkUsed if not isinstance(done.claim, ConfirmAttempt) else LinkExpired
    return Verified(account_id=account_id)
