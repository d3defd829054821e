"""Writing down what happened: one event, made where the step decides, committed with its effect."""

from __future__ import annotations

from secureacct.accounts.parts import AccountParts, Visit
from secureacct.audit.events import RANDOM_BYTES, Outcome, event_id, seal_event
from secureacct.client_address import coarse
from secureacct.records.events import Event


def happened(
    parts: AccountParts,
    name: str,
    *,
    outcome: Outcome,
    visit: Visit,
    now: int,
    reason: str = "",
    account: str | None = None,
    session: str | None = None,
    detail: str = "",
) -> Event:
    """The event of one step. Device, coarse network and detail go into its sealed part."""
    personal = {"device": visit.device}
    if visit.network:
        personal["network"] = coarse(visit.network)
    if detail:
        personal["detail"] = detail
    return seal_event(
        parts.vault.event_keys,
        parts.vault.event_cipher,
        id=event_id(now=parts.clock(), random=parts.random(RANDOM_BYTES)),
        at=now,
        name=name,
        outcome=outcome,
        reason=reason,
        account_id=account,
        session_id=session,
        correlation_id=visit.correlation_id,
        personal=personal,
    )
