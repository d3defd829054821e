"""The link that ends a mailing. RFC 8058: one click is a POST, without cookie, token or sign-in.

Rules of this file: reading changes nothing, for mail scanners read; the link can end one list for one address
and do nothing else, which is why this POST alone may come from anywhere; again is fine.
"""

from __future__ import annotations

import re

from secureacct.accounts.outcomes import LinkExpired, LinkUnknown, NotFound
from secureacct.commitments import mailing_stops as steps
from secureacct.commitments.mailing_stops import UnsubscribeOffer
from secureacct.commitments.privacy import Privacy
from secureacct.errors import InvalidInput
from secureacct.tokens import TokenError, TokenExpired
from secureacct.web.answers import ready, show, signed
from secureacct.web.http import Answer
from secureacct.web.negotiation import BodyTooLarge, read_form
from secureacct.web.privacy_pages import Unsubscribe
from secureacct.web.site import Knock

FIELD = "List-Unsubscribe"
_NAME = re.compile(rb'name="?List-Unsubscribe"?', re.I)
_VALUE = re.compile(rb"[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\nOne-Click\r?\n", re.I)


class NotOneClick(InvalidInput):
    """A POST that does not say what RFC 8058 wants it to say."""

    code = "not_one_click"
    public_message = "Send List-Unsubscribe=One-Click to end these mails."


def _privacy(knock: Knock) -> Privacy:
    if not knock.site.assembly.promises.lists:
        raise NotFound
    return knock.site.privacy


def _read(knock: Knock) -> UnsubscribeOffer:
    try:
        return steps.read_unsubscribe(_privacy(knock).mailings, knock.arguments[0])
    except TokenExpired:
        raise LinkExpired from None
    except TokenError:
        raise LinkUnknown from None


async def form(knock: Knock) -> Answer:
    """GET: a button, and which list it ends."""
    offer = _read(knock)
    path = knock.site.url(f"/unsubscribe/{knock.arguments[0]}")
    page = Unsubscribe(path=path, list_title=offer.title)
    return await show(knock, page, kind="link", json={"fields": [FIELD], "list": offer.list_id})


async def end(knock: Knock) -> Answer:
    """POST: no more mails of this list to this address."""
    offer = _read(knock)
    if not _says_one_click(knock):
        raise NotOneClick
    await steps.unsubscribe(knock.site.privacy.noted(knock.visit, None).mailings, knock.arguments[0])
    if knock.json:
        return Answer(json={"status": "removed", "list": offer.list_id}, kind="link")
    page = Unsubscribe(list_title=offer.title, ended=True, account=await signed(knock))
    return Answer(page=ready(knock, page, form=knock.session is not None), kind="link")


def _says_one_click(knock: Knock) -> bool:
    request = knock.request
    if (request.header("content-type") or "").lower().startswith("multipart/form-data"):
        if request.too_large:
            raise BodyTooLarge
        return says_one_click(request.body)
    return read_form(request).text(FIELD).strip().lower() == "one-click"


def says_one_click(body: bytes) -> bool:
    """Whether a multipart body says it in its field of that name; pure. The first one decides: looking behind
    each of thousands would take seconds."""
    named = _NAME.search(body)
    return named is not None and _VALUE.match(body, named.end()) is not None
