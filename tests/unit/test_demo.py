"""The demo: what it shows, what it refuses, and the authority of its own that ``--tls`` makes."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

pytest.importorskip("flask")

from cryptography import x509
from flask.testing import FlaskClient

from examples.flask_account import create_app, local_tls
from examples.flask_account.__main__ import free_port
from examples.flask_account.seed import EMAIL, PROFILE, seed

BASE = "http://localhost:8000"


def _client(folder: Path) -> FlaskClient:
    return create_app(BASE, folder).test_client()


def test_it_refuses_production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that shows every mail never runs where it counts."""
    monkeypatch.setenv("SECUREACCT_ENV", "production")
    with pytest.raises(SystemExit, match="does not run"):
        create_app(BASE, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_numeric_address_leads_to_the_name(tmp_path: Path) -> None:
    """Passkeys and cookies belong to localhost, so 127.0.0.1 leads there, query and all."""
    answer = _client(tmp_path).get("/account/sign-in?next=/orders", base_url="http://127.0.0.1:8000")
    assert (answer.status_code, answer.location) == (307, f"{BASE}/account/sign-in?next=/orders")


@pytest.mark.parametrize("name", ["rebound.example:8000", "192.168.1.5:8000", "localhost.rebound.example"])
def test_another_name_reads_no_mails(tmp_path: Path, name: str) -> None:
    """A site whose name was pointed at this machine is led away, and its page may not read what is there."""
    answer = _client(tmp_path).get("/dev/outbox", base_url=f"http://{name}")
    assert (answer.status_code, answer.location) == (307, f"{BASE}/dev/outbox")


def test_another_machine_reads_no_mails(tmp_path: Path) -> None:
    """However the demo was served, a peer that is not this machine gets nothing."""
    neighbour = {"REMOTE_ADDR": "192.168.1.9"}
    assert _client(tmp_path).get("/dev/outbox", environ_base=neighbour).status_code == 403


def test_it_lives_at_localhost(tmp_path: Path) -> None:
    """It does not start under an address that others can reach."""
    with pytest.raises(SystemExit, match="nowhere else"):
        create_app("https://shop.example", tmp_path)


def test_the_seeded_account_stays_the_same(tmp_path: Path) -> None:
    """One account with a profile, made once; its password is random and for its owner's eyes only."""
    app = create_app(BASE, tmp_path)
    email, password = seed(app, tmp_path)
    assert (email, password) == seed(create_app(BASE, tmp_path), tmp_path)
    assert len(password) >= 15
    note = tmp_path / "seeded.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    database = b"".join(one.read_bytes() for one in tmp_path.glob("demo.db*"))
    for secret in (EMAIL, PROFILE["phone"], PROFILE["card_number"], password):
        assert secret.encode() not in database


def test_the_outbox_for_people_and_for_programs(tmp_path: Path) -> None:
    """The same mails as a page with links, and as a list, newest first."""
    app = create_app(BASE, tmp_path)
    seed(app, tmp_path)
    client = app.test_client()
    mails = client.get("/dev/outbox", headers={"Accept": "application/json"}).get_json()
    assert mails
    assert set(mails[0]) == {"to", "subject", "text", "html", "links", "headers"}
    verify = next(one for one in mails if any("/account/verify/" in link for link in one["links"]))
    assert mails.index(verify) == len(mails) - 1
    page = client.get("/dev/outbox")
    assert page.content_type.startswith("text/html")
    assert f'<a href="{verify["links"][0]}">' in page.text


def test_the_session_cookie_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Cookies ignore ports: another app on localhost must not overwrite the demo's."""
    from secureacct.web.flask.shell import shell_of

    assert shell_of(create_app(BASE, tmp_path)).site.cookies.session.name == "__Host-Http-demo-session"


def test_a_busy_port_gives_the_next() -> None:
    """A second demo finds a place of its own."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port


def test_the_local_authority_speaks_for_localhost_only(tmp_path: Path) -> None:
    """Its certificate is trusted for localhost, it may sign for no other, and its key is kept nowhere."""
    server = local_tls.context(tmp_path)
    authority = local_tls.authority(tmp_path)
    certificate = x509.load_pem_x509_certificate(authority.read_bytes())
    limits = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert limits.value.permitted_subtrees == [x509.DNSName("localhost")]
    assert {one.name for one in tmp_path.iterdir()} == {"demo-ca.pem", "localhost.pem", "localhost.key"}
    assert stat.S_IMODE((tmp_path / "localhost.key").stat().st_mode) == 0o600
    before = authority.read_bytes()
    local_tls.context(tmp_path)
    assert authority.read_bytes() == before

    here, there = socket.socketpair()
    serving = threading.Thread(target=lambda: server.wrap_socket(here, server_side=True).close())
    serving.start()
    client = ssl.create_default_context(cafile=str(authority))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default since Python 3.13
    with client.wrap_socket(there, server_hostname="localhost") as secured:
        assert secured.version() in ("TLSv1.2", "TLSv1.3")
    serving.join(10)
