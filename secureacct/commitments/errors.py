"""The errors of promises.

SecureAcctError
├── ConfigurationError
│   ├── BadPromise              a list, partner, rule or policy was declared wrongly     500
│   └── PolicyAltered           a registered version came back with another text         500
└── Rejected
    ├── NothingDeclared         no such list, partner, purpose or policy                 404
    ├── NotInForce              an acceptance of a version that does not apply            409
    ├── PolicyNotAccepted       a version in force must be answered first                 403
    ├── AddressNotProven        mailings to an address that was not confirmed             403
    ├── NotAllowedToMail        no live opt-in, or a suppression: nothing was queued      403
    ├── DisclosureRefused       the person, the purpose or the terms do not allow it      403
    ├── UndeclaredField         a field the purpose was not declared for                  403
    ├── TestimonialRefused      a letter may not be quoted                                403
    ├── LetterGone              a letter is past its time, or never was                   404
    ├── ExportRefused           one is under way, or the link is used, old or unknown     409
    ├── DeletionRefused         waiting or done already; or too late, or unknown, to undo 409
    └── BadReceipt              a receipt of erasure was not made by us, or was altered   422
"""

from __future__ import annotations

from secureacct.errors import ConfigurationError, Rejected


class BadPromise(ConfigurationError):
    """A list, partner, rule or policy was declared wrongly."""

    code = "bad_promise"


class PolicyAltered(ConfigurationError):
    """A version that was registered before came back with another text, name or moment."""

    code = "policy_altered"


class NothingDeclared(Rejected):
    """No such list, partner, purpose or policy."""

    code = "nothing_declared"
    http_status_hint = 404
    public_message = "There is no such thing to choose."


class NotInForce(Rejected):
    """The version somebody accepted is not the one in force."""

    code = "not_in_force"
    http_status_hint = 409
    public_message = "This text has changed meanwhile. Please read the new version."


class PolicyNotAccepted(Rejected):
    """A version in force must be answered before this person goes on."""

    code = "policy_not_accepted"
    public_message = "Our policy has changed. Please read it and say whether you accept it."

    def __init__(self, policy: str) -> None:
        super().__init__(f"policy {policy} is not accepted in the version in force")
        self.policy = policy


class AddressNotProven(Rejected):
    """Mailings were asked for by an account whose address is not confirmed."""

    code = "address_not_proven"
    public_message = "Please confirm your e-mail address first."


class NotAllowedToMail(Rejected):
    """No live opt-in for this list, or a suppression. Nothing was queued."""

    code = "not_allowed_to_mail"


class DisclosureRefused(Rejected):
    """The person's choice, the purpose or the partner's terms do not allow it. Nothing was recorded."""

    code = "disclosure_refused"


class UndeclaredField(Rejected):
    """A field that the purpose was not declared for."""

    code = "undeclared_field"


class TestimonialRefused(Rejected):
    """The letter may not be quoted: its writer never allowed it, or took it back."""

    __test__ = False  # not a test class, whatever its name begins with
    code = "testimonial_refused"


class LetterGone(Rejected):
    """The letter is past its time, or never was."""

    code = "letter_gone"
    http_status_hint = 404
    public_message = "There is no such letter."


class ExportRefused(Rejected):
    """A copy is under way already; or the link is used, too old, or not this account's."""

    code = "export_refused"
    http_status_hint = 409
    public_message = "This copy cannot be had now. You can ask for a new one."


class DeletionRefused(Rejected):
    """A deletion waits or is done already; or it is too late, or the link is unknown, to undo it."""

    code = "deletion_refused"
    http_status_hint = 409
    public_message = "This is not possible any more."


class BadReceipt(Rejected):
    """The receipt was not made by us, or was altered."""

    code = "bad_receipt"
    http_status_hint = 422
    public_message = "This receipt is not valid."
