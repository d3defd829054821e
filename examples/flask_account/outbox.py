"""``/dev/outbox``: every mail the demo would have sent."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from secureacct.flask import get_account
from secureacct.mailers.outbox import OutboxMailer


def blueprint(mailer: OutboxMailer) -> Blueprint:
    """The page, for one mailer."""
    dev = Blueprint("dev", __name__)

    @dev.get("/dev/outbox")
    def outbox() -> ResponseReturnValue:
        messages = mailer.messages()
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            return jsonify(
                [
                    {
                        "to": message.to,
                        "subject": message.subject,
                        "text": message.text,
                        "html": message.html,
                        "links": list(message.links),
                        "headers": dict(message.headers),
                    }
                    for message in messages
                ]
            )
        return render_template("shop/outbox.html", messages=messages, account=get_account())

    return dev
