"""The site whose answers are timed: ``python -m tests.timing.server '{"folder": ..., "port": ...}'``.

One worker thread on one core, keep-alive, accounts of every kind made beforehand. It says ``ready`` when
it serves, and writes what it made into its folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flask import Flask, request
from werkzeug.serving import WSGIRequestHandler, make_server

from secureacct._faces import run_inline
from secureacct.accounts.links import hash_of
from secureacct.flask import SecureAcct
from secureacct.keys import Keyring
from secureacct.mailers.outbox import OutboxMailer
from secureacct.passwords import Admission, PasswordHasher
from secureacct.passwords.profiles import CHEAPEST, DEFAULT, Argon2Profile
from secureacct.ports.mailer import MailTrouble
from secureacct.records.accounts import AddAttempt, Attempt, ClaimIdentifier, OpenAccount, PausePassword
from secureacct.records.changes import Change
from secureacct.records.mail import Message
from secureacct.sessions.birth import first_epoch
from secureacct.throttle import ActionPolicy, Ladder, ThrottlePolicy
from secureacct.throttle.policies import EVERYONE, STANDARD, Budget
from secureacct.web.flask.shell import shell_of

PASSWORD = "seven lively walnut teapots"
PLANTED_S = 0.0005  # seconds that the control which must fail adds
PROFILES = {
    "cheapest": CHEAPEST,
    "floor": Argon2Profile("floor", memory_kib=19456, passes=2, lanes=1),
    "default": DEFAULT,
}
PAUSED_AFTER = 20  # wrong passwords; few, so that a test gets there
NO_MAIL_S = 0.01  # seconds until a mailer that does not work says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be served."""

    folder: str
    port: int
    database_url: str
    core: int = 0
    profile: str = "cheapest"
    number: int = 500  # accounts of each kind
    mail: str = "works"  # or "fails"


class NoMailer:
    """A mail server that nobody reaches."""

    kind: Literal["blocking"] = "blocking"

    async def send(self, message: Message) -> None:
        """:raises MailTrouble: always, after a while."""
        time.sleep(NO_MAIL_S)  # noqa: ASYNC251 - in the thread that delivers
        raise MailTrouble("unreachable")


class Quick(WSGIRequestHandler):
    """Keep-alive, no waiting for acknowledgements, no log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing."""


def wide() -> ThrottlePolicy:
    """Every count is kept, and none refuses but that of an account with twenty wrong passwords."""
    policy = ThrottlePolicy()
    ladder = Ladder(free=PAUSED_AFTER - 1, first_wait_s=1, longest_wait_s=1, pause_at=PAUSED_AFTER)
    for name, one in STANDARD.items():
        if name in ("unlock_mail", "spraying_event"):
            continue
        policy = policy.with_action(
            name,
            ActionPolicy(
                account=ladder if one.account and name != "email_change" else None,  # one account asks
                account_network=ladder if one.account_network else None,
                networks=tuple(Budget(per_hour=3_600_000) for _ in one.networks),
                everyone=EVERYONE if one.everyone else None,
            ),
        )
    return policy


def site(wanted: Wanted) -> tuple[Flask, PasswordHasher]:
    """The app."""
    app = Flask("timed")
    keyring = Path(wanted.folder) / "keyring.json"
    app.config.update(
        SECUREACCT_DATABASE_URL=wanted.database_url,
        SECUREACCT_KEYRING=str(keyring),
        SECUREACCT_BASE_URL=f"http://localhost:{wanted.port}",
        SECUREACCT_MAIL_URL="outbox",
        SECUREACCT_TRUSTED_PROXIES="127.0.0.0/8",
    )
    keys = Keyring.generate()
    keys.save(keyring)
    hasher = PasswordHasher(PROFILES[wanted.profile], keys=keys, admission=Admission(at_once=1))
    mailer = OutboxMailer() if wanted.mail == "works" else NoMailer()
    SecureAcct(hasher=hasher, keys=keys, mailer=mailer, throttle=wide()).init_app(app)

    @app.post("/control")
    def control() -> str:
        if request.form.get("late"):
            until = time.perf_counter() + PLANTED_S
            while time.perf_counter() < until:
                pass
        return "ok"

    return app, hasher


def people(app: Flask, hasher: PasswordHasher, *, number: int) -> dict[str, str]:
    """Accounts: ``known-3@t.example`` and so on, for every kind. Committed in one go per kind."""
    shell = shell_of(app)
    shell.ready()
    parts = shell.site.parts
    now = parts.now()
    older = PasswordHasher(
        Argon2Profile("older", memory_kib=1024, passes=1, lanes=1, only_for_tests=True), keys=parts.vault.keys
    )
    new, old = hasher.hash(PASSWORD, account_id="one"), older.hash(PASSWORD, account_id="one")
    hashes = {
        "known": new,
        "disabled": new,
        "paused": new,
        "stopped": new,
        "holder": new,
        "unconfirmed": new,
        "legacy": old,
    }
    for kind in (*hashes, "nopassword"):
        changes: list[Change] = []
        hashed = hashes.get(kind)
        for index in range(number):
            address, account = f"{kind}-{index}@t.example", f"{kind}{index}"
            tokens = parts.vault.tokens(address)
            own = hasher.rebind(hashed, account_id="one", to=account) if hashed else None
            if kind == "unconfirmed" and own is not None:
                attempt = Attempt(
                    id=account,
                    sealed_email=parts.vault.seal_attempt_email(address, attempt_id=account),
                    password_hash=own,
                    browser_hash=hash_of("A" * 43) or b"",
                    created_at=now,
                    expires_at=now + 86_400,
                )
                changes.append(AddAttempt(attempt=attempt, tokens=tokens, at_most=5))
                continue
            changes.append(
                OpenAccount(
                    account_id=account,
                    first_epoch=first_epoch(parts.random),
                    sealed_email=parts.vault.seal_email(address, account_id=account),
                    password_hash=own,
                    now=now,
                )
            )
            changes.append(ClaimIdentifier(tokens=tokens, account_id=account, now=now))
            if kind == "paused":
                changes.append(PausePassword(account_id=account, now=now))
        run_inline(parts.store.commit(changes))
    _disable(app)
    return _signed_in(app)


def _disable(app: Flask) -> None:
    import sqlalchemy as sa

    engine = shell_of(app).site.assembly.store.engine  # type: ignore[attr-defined]
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE sa_account_state SET status = 'disabled' WHERE account_id LIKE :kind"),
            {"kind": "disabled%"},
        )


def _signed_in(app: Flask) -> dict[str, str]:
    from secureacct.accounts import sign_in
    from secureacct.accounts.outcomes import SignedIn

    site = shell_of(app).site
    entered = run_inline(sign_in.sign_in(site.parts, "known-0@t.example", PASSWORD))
    if not isinstance(entered, SignedIn):
        raise SystemExit("could not sign in")
    return {"session": entered.token, "cookie": site.cookies.session.name}


def main() -> None:
    """Make the site, then serve until standard input closes."""
    wanted = Wanted(**json.loads(sys.argv[1]))
    if hasattr(os, "sched_setaffinity") and wanted.core in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {wanted.core})
    app, hasher = site(wanted)
    made = people(app, hasher, number=wanted.number)
    (Path(wanted.folder) / "made.json").write_text(json.dumps(made), "utf-8")
    server = make_server("127.0.0.1", wanted.port, app, threaded=False, request_handler=Quick)
    print("ready", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
