"""Mails that wait, and what must not lose them."""

from __future__ import annotations

from tests.journeys.kit import ADA, Shop


def test_a_mail_under_a_key_that_is_held_back_waits(shop: Shop) -> None:
    """An operator disables an old key, sees that something misses it, and enables it: no mail was lost."""
    shop.browser().sign_up()
    keys = shop.parts.vault.keys
    old = keys.primary("fields")
    keys.rotate("fields")
    keys.disable("fields", old)
    assert shop.mails(ADA) == ()
    keys.enable("fields", old)
    shop.clock.forward(60)
    assert [mail.subject for mail in shop.mails(ADA)] == ["Confirm your address for Shop"]
