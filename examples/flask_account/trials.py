"""What a real shop does behind its own doors: send a mailing, publish a new policy."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Flask, jsonify, request
from flask.typing import ResponseReturnValue

from examples.flask_account.promises import next_version
from secureacct.commitments.errors import NothingDeclared
from secureacct.commitments.mailing_faces import Mailings
from secureacct.commitments.policy_versions import Policies
from secureacct.flask import SecureAcct
from secureacct.records.mail import Message
from secureacct.web.flask.shell import shell_of

NEWS = Message(
    to="",
    subject="News from Corner Shop",
    text="This month at Corner Shop: a washed coffee from Huila, and a blue mug.",
    html="<p>This month at Corner Shop: a washed coffee from Huila, and a blue mug.</p>",
)


def blueprint(app: Flask, accounts: SecureAcct) -> Blueprint:
    """The paths, for one app. They take JSON only, so no page of another site can press them."""
    dev = Blueprint("trials", __name__)

    @dev.post("/dev/mailing")
    def mailing() -> ResponseReturnValue:
        """``{"list": "product-updates"}``: a mail to everybody who asked for it."""
        asked = request.get_json(silent=True)
        if not isinstance(asked, dict) or not isinstance(asked.get("list"), str):
            return jsonify(error='send {"list": "product-updates"}'), 400
        mailings = Mailings(accounts.site(app).privacy.mailings)
        try:
            queued, refused = mailings.send_mailing(asked["list"], NEWS)
        except NothingDeclared:
            return jsonify(error="there is no such list"), 404
        shell_of(app).deliver()
        return jsonify(queued=queued, refused=refused)

    @dev.post("/dev/policy")
    def policy() -> ResponseReturnValue:
        """``{}``: a new version of the policy, in force now."""
        if not isinstance(request.get_json(silent=True), dict):
            return jsonify(error="send {}"), 400
        site = accounts.site(app)
        version = next_version(datetime.now(UTC))
        Policies(site.privacy.policies).register(version)
        site.gate.refresh()
        return jsonify(version=version.version)

    return dev
