"""Why a passkey ceremony was refused.

    Rejected
    └── PasskeyError                 every refusal; all say the same to the public     401
        ├── MalformedResponse        not a WebAuthn response at all                    422
        ├── WrongCeremony            made for registering, used to sign in, or back    401
        ├── WrongChallenge           answers another challenge                         401
        ├── WrongOrigin              made on a page that is not ours                   401
        ├── CrossOriginRefused       made inside a frame of another site               401
        ├── WrongRelyingParty        made for another RP id                            401
        ├── UserNotPresent           nobody touched the authenticator                  401
        ├── UserNotVerified          no PIN or biometric where one was required        401
        ├── AlgorithmNotOffered      a key of a kind we did not ask for                401
        ├── WrongCredential          ids that do not agree, or not this passkey        401
        ├── WrongUserHandle          belongs to another account                        401
        ├── BadSignature             not signed by this passkey                        401
        ├── SignCountRegression      the counter of a device-bound passkey went back   401
        └── BackupFlagsChanged       BS without BE, or BE not as registered            401

``code`` is for logs. What is shown is ``public_message``, which is the same for all but a malformed
response, so a stranger learns nothing from trying.
"""

from __future__ import annotations

from secureacct.errors import Rejected


class PasskeyError(Rejected):
    """A passkey was refused."""

    code = "passkey_rejected"
    http_status_hint = 401
    public_message = "This passkey was not accepted. Try again, or use another way."


class MalformedResponse(PasskeyError):
    """What the browser sent is not a WebAuthn response."""

    code = "passkey_malformed"
    http_status_hint = 422
    public_message = "What your browser sent could not be read. Please try again."


class WrongCeremony(PasskeyError):
    """``type`` of the client data is not that of this ceremony (WebAuthn L3 7.1 step 7, 7.2 step 10)."""

    code = "passkey_wrong_ceremony"


class WrongChallenge(PasskeyError):
    """The client data answers another challenge (WebAuthn L3 7.1 step 8, 7.2 step 11)."""

    code = "passkey_wrong_challenge"


class WrongOrigin(PasskeyError):
    """The ceremony took place on an origin that is not on the list (WebAuthn L3 7.1 step 9, 7.2 step 12)."""

    code = "passkey_wrong_origin"


class CrossOriginRefused(PasskeyError):
    """The ceremony took place in a frame of another site (WebAuthn L3 7.1 steps 10 and 11)."""

    code = "passkey_cross_origin"


class WrongRelyingParty(PasskeyError):
    """The authenticator signed for another RP id (WebAuthn L3 7.1 step 14, 7.2 step 15)."""

    code = "passkey_wrong_rp"


class UserNotPresent(PasskeyError):
    """The UP flag is not set (WebAuthn L3 7.1 step 15, 7.2 step 16)."""

    code = "passkey_user_not_present"


class UserNotVerified(PasskeyError):
    """The UV flag is not set where it was required (WebAuthn L3 7.1 step 16, 7.2 step 17)."""

    code = "passkey_user_not_verified"


class AlgorithmNotOffered(PasskeyError):
    """The key's algorithm is not one we offer (WebAuthn L3 7.1 step 20)."""

    code = "passkey_algorithm"


class WrongCredential(PasskeyError):
    """``id``, ``rawId`` and the signed credential id do not agree, or it is not the passkey looked up."""

    code = "passkey_wrong_credential"


class WrongUserHandle(PasskeyError):
    """The response or the passkey belongs to another account (WebAuthn L3 7.2 step 6)."""

    code = "passkey_wrong_user"


class BadSignature(PasskeyError):
    """The signature does not verify with the passkey's public key (WebAuthn L3 7.2 step 21)."""

    code = "passkey_bad_signature"


class SignCountRegression(PasskeyError):
    """The counter of a device-bound passkey did not go up: a copy may exist (WebAuthn L3 7.2 step 22)."""

    code = "passkey_sign_count"


class BackupFlagsChanged(PasskeyError):
    """BS without BE, or BE not as registered (WebAuthn L3 7.1 step 17, 7.2 steps 18 and 19)."""

    code = "passkey_backup_flags"
