"""The person's own data: read when signed in, changed at any time with e-mail and password."""

from __future__ import annotations

from collections.abc import Mapping

from secureacct.accounts import recording
from secureacct.accounts.fresh_proof import Resumed, person, prove
from secureacct.accounts.outcomes import FieldInvalid
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.records.accounts import SetProfile
from secureacct.records.sessions import Session


async def read_profile(parts: AccountParts, session: Session) -> dict[str, str | dict[str, str] | None]:
    """Every declared field: its value, None where there is none, and only the end of a masked one
    (``{"last4": "4242"}``).

    :raises SignInRequired: the account is gone.
    """
    known = await person(parts, session)
    values = parts.vault.open_profile(known.sealed_profile, account_id=known.id)
    shown: dict[str, str | dict[str, str] | None] = {}
    for name, declared in parts.vault.profile_fields.items():
        value = values.get(name)
        if value is None or not declared.show_last:
            shown[name] = value
        else:
            shown[name] = {f"last{declared.show_last}": value[-declared.show_last :]}
    return shown


async def save_profile(
    parts: AccountParts,
    session: Session,
    password: str | None,
    values: Mapping[str, str],
    *,
    visit: Visit = Visit(),
    resumed: Resumed | None = None,
) -> None:
    """Save some fields. An absent field stays, an empty one is cleared.

    :raises FieldInvalid: an undeclared field, or a value that is too long or not text.
    :raises PasswordRejected, FreshProofRequired, Throttled: see ``fresh_proof.prove``.
    """
    now = parts.now()
    for name, value in values.items():
        _refuse_bad_value(parts, name, value)
    proved = await prove(parts, session, password, visit=visit, resumed=resumed)
    account_id = proved.known.id
    change = SetProfile(
        account_id=account_id,
        values=tuple(
            (
                name,
                parts.vault.seal_profile(name, value.strip(), account_id=account_id)
                if value.strip()
                else None,
            )
            for name, value in values.items()
        ),
    )
    event = recording.happened(
        parts,
        "profile_changed",
        outcome="ok",
        account=account_id,
        session=session.id,
        visit=visit,
        now=now,
        detail=" ".join(sorted(values)),
    )
    await parts.store.commit((change,), events=(event,))


def _refuse_bad_value(parts: AccountParts, name: str, value: str) -> None:
    declared = parts.vault.profile_fields.get(name)
    if declared is None:
        raise FieldInvalid(name[:60], "There is no such field.")
    if len(value) > declared.max_length:
        raise FieldInvalid(name, f"Use at most {declared.max_length} characters.")
    if any(0xD800 <= ord(char) <= 0xDFFF or (ord(char) < 32 and char not in "\n\r\t") for char in value):
        raise FieldInvalid(name, "Use ordinary characters only.")
    if declared.show_last and value.strip() and len(value.strip()) < 2 * declared.show_last:
        raise FieldInvalid(name, f"Use at least {2 * declared.show_last} characters.")
