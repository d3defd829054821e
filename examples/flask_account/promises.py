"""What the shop promises its customers: purposes, cookies, mailings, partners, a policy in two versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from secureacct.commitments.mailings import MailingList
from secureacct.commitments.partners import DisclosurePurpose, Partner
from secureacct.commitments.policy_versions import policy_version
from secureacct.consent import DeclaredCookie, Purpose
from secureacct.flask import PrivacyChoices
from secureacct.records.policies import PolicyVersion

VISITS_COOKIE = "shop-visits"
VISITS = Purpose(
    id="visits",
    title="Counting visits",
    words="We count how often people come back, for 90 days, and tell nobody.",
    cookies=(
        DeclaredCookie(
            name=VISITS_COOKIE, words="How often this browser was here.", lifetime=timedelta(days=90)
        ),
    ),
)
SUGGESTIONS = Purpose(
    id="suggestions",
    title="Suggestions",
    words="We look at what you ordered to suggest what you may like. Nobody else learns of it.",
)

UPDATES = MailingList(
    id="product-updates", title="Product updates", words="What is new in the shop, about once a month."
)

PARCELS = Partner(
    id="parcels",
    name="Parcel Post",
    terms="Delivery of the parcel only. No copy is kept for longer than 90 days, and nothing is passed on.",
    agreed_on=datetime(2026, 1, 10, tzinfo=UTC),
    purposes=(
        DisclosurePurpose(
            id="delivery",
            words="To bring you what you ordered.",
            fields=frozenset({"name", "shipping_address"}),
            without_choice="allow",
        ),
    ),
)
ROASTERS = Partner(
    id="roasters",
    name="The Roasters' Guild",
    terms="One letter a year. No copy is kept after it is sent, and nothing is passed on.",
    agreed_on=datetime(2026, 3, 1, tzinfo=UTC),
    purposes=(
        DisclosurePurpose(
            id="letter",
            words="To write to you about coffee once a year, on paper.",
            fields=frozenset({"name", "shipping_address"}),
        ),
    ),
)

FIRST = """Corner Shop keeps what it needs to sell you coffee: your address, your name, where to send it.

We tell the parcel service your name and where to send the parcel. Nobody else gets anything.

Server logs are kept for a year."""

SECOND = """Corner Shop keeps what it needs to sell you coffee: your address, your name, where to send it.

We tell the parcel service your name and where to send the parcel. Nobody else gets anything
unless you say so on your privacy page.

Server logs are kept for 90 days, without your network address.

You can take a copy of everything we hold about you, or leave, at any time."""

POLICIES = (
    policy_version(
        policy="privacy", version="2026-01", text=FIRST, in_force=datetime(2026, 1, 15, tzinfo=UTC)
    ),
    policy_version(
        policy="privacy",
        version="2026-11",
        text=SECOND,
        in_force=datetime(2026, 11, 2, tzinfo=UTC),
        summary="Logs go after 90 days instead of a year, partners get something only if you say so, and you "
        "can take your data or leave by yourself.",
    ),
)

PRIVACY = PrivacyChoices(
    purposes=(VISITS, SUGGESTIONS),
    lists=(UPDATES,),
    partners=(PARCELS, ROASTERS),
    policies=POLICIES,
    accepted_by_sign_up=True,
)


def next_version(now: datetime) -> PolicyVersion:
    """One more version, in force at once: to see how people are told of it."""
    return policy_version(
        policy="privacy",
        version=f"{now:%Y-%m-%d %H:%M:%S}",
        text=f"{SECOND}\n\nSince {now:%d %B %Y} we also keep a list of who likes which mug.",
        in_force=now,
        summary="We keep a list of who likes which mug.",
    )
