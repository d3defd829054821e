"""The log's formats against their specification, and its rules one by one."""

from __future__ import annotations

import ast
import base64
import hashlib
import hmac
import json
import stat
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from secureacct._faces import run_inline
from secureacct.audit import (
    CATALOGUE,
    AsyncAuditLog,
    AuditError,
    AuditLog,
    EventAltered,
    EventKeys,
    FileSink,
    SinkUnavailable,
    SyslogSink,
    event_id,
    notes_in,
    open_event,
    seal_event,
    words,
)
from secureacct.audit.anomalies import (
    Sighting,
    failures_then_success,
    new_device_on_new_network,
    of_sign_in,
    two_networks_at_once,
    used_after_sign_out,
)
from secureacct.audit.encoding import canonical, mac_problem, pruned_mac, segment_hash
from secureacct.audit.events import MOST_CHARACTERS
from secureacct.audit.notes import Checkpoint, public_keys, read_note, read_verifier_key, sign, verifier_key
from secureacct.audit.sealing import due, seal_rule
from secureacct.errors import ConfigurationError
from secureacct.fields import FieldCipher
from secureacct.keys import Keyring
from secureacct.records.audit import Pending, Segment
from secureacct.records.events import Event
from secureacct.stores.memory import MemoryStore
from tests.audit_kit import START, Plain, events

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "audit_log.json").read_text())


class Ring:
    """The vectors' keys, in place of a keyring."""

    names: ClassVar = {
        "audit event mac v1": "mac_key",
        "audit prune mac v1": "prune_key",
        "audit checkpoint ed25519 v1": "ed25519_seed",
    }

    def primary(self, root: str) -> int:
        """The one key's id."""
        return int(VECTORS["key_id"])

    def readable(self, root: str) -> tuple[int, ...]:
        """The one key's id."""
        return (self.primary(root),)

    def derive(self, root: str, purpose: str, *, key_id: int | None = None, length: int = 32) -> bytes:
        """The vector's key for this purpose."""
        return bytes.fromhex(VECTORS[self.names[purpose]])


KEYS = EventKeys(Ring())  # type: ignore[arg-type]


def event_of(row: dict[str, Any]) -> Event:
    """A vector's event."""
    fields = {name: row[name] for name in Event.__slots__}
    return Event(**{**fields, "sealed": bytes.fromhex(row["sealed"]), "mac": bytes.fromhex(row["mac"])})


def by_hand(row: dict[str, Any]) -> bytes:
    """The canonical bytes as the specification words them, written a second time."""

    def lp(text: str) -> bytes:
        return len(text.encode()).to_bytes(4, "big") + text.encode()

    out = b"secureacct.event.1" + row["at"].to_bytes(8, "big")
    out += b"".join(lp(row[name]) for name in ("id", "name", "outcome", "reason", "correlation_id"))
    for name in ("account_id", "session_id"):
        out += b"\0" if row[name] is None else b"\1" + lp(row[name])
    sealed = bytes.fromhex(row["sealed"])
    return out + len(sealed).to_bytes(4, "big") + sealed


@pytest.mark.parametrize("row", VECTORS["events"], ids=lambda row: row["id"])
def test_an_events_bytes_and_mac_are_those_of_the_specification(row: dict[str, Any]) -> None:
    """The known answers hold, for our code and for a second reading of the specification."""
    event = event_of(row)
    assert canonical(event).hex() == by_hand(row).hex() == row["canonical"]
    tag = hmac.digest(bytes.fromhex(VECTORS["mac_key"]), by_hand(row), hashlib.sha256)
    assert event.mac == b"\1" + VECTORS["key_id"].to_bytes(4, "big") + tag
    assert mac_problem(KEYS, event) is None


def test_segments_and_notes_are_those_of_the_specification() -> None:
    """Two segments: hashes by hand, and notes that the published key accepts."""
    groups = (VECTORS["events"][:2], VECTORS["events"][2:])
    previous = bytes.fromhex(VECTORS["genesis"])
    assert previous == hashlib.sha256(b"secureacct audit log, version 1").digest()
    name, key = read_verifier_key(VECTORS["verifier_key"])
    for wanted, rows in zip(VECTORS["segments"], groups, strict=True):
        total = hashlib.sha256()
        for row in rows:
            data = by_hand(row)
            total.update(len(data).to_bytes(4, "big") + data + bytes.fromhex(row["mac"]))
        numbers = b"".join(wanted[field].to_bytes(8, "big") for field in ("number", "count", "sealed_at"))
        digest = hashlib.sha256(b"secureacct.segment.1" + previous + numbers + total.digest()).digest()
        assert digest.hex() == wanted["hash"]
        ours = segment_hash(
            previous=previous,
            number=wanted["number"],
            events=[event_of(row) for row in rows],
            sealed_at=wanted["sealed_at"],
        )
        assert ours == digest
        note = read_note(wanted["note"], (key,))
        assert note is not None
        assert (note.name, note.number, note.hash) == (name, wanted["number"], digest)
        text, _, signature = wanted["note"].partition("\n\n")
        raw = base64.b64decode(signature.split()[-1])
        seed = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["ed25519_seed"]))
        assert raw[4:] == seed.sign(f"{text}\n".encode())
        previous = digest
    pruned = VECTORS["pruned"]
    mac = pruned_mac(KEYS, number=1, at=pruned["at"], hash=bytes.fromhex(VECTORS["segments"][0]["hash"]))
    assert mac.hex() == pruned["mac"]


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_time(one: int, other: int, random: bytes) -> None:
    """26 characters; a later event never has a smaller id, and times of one millisecond are equal in it."""
    first, second = (event_id(now=at / 1000, random=random) for at in (one, other))
    assert len(first) == len(second) == 26
    assert (first < second) == (int(one / 1000 * 1000) < int(other / 1000 * 1000))


text = st.text(max_size=12)


@given(st.tuples(text, text, text, st.none() | text, st.none() | text), st.data())
def test_moving_a_byte_between_fields_changes_the_bytes(fields: Any, data: st.DataObject) -> None:
    """No two events have the same canonical bytes."""

    def made(values: Any) -> Event:
        name, reason, correlation, account, session = values
        return Event(
            id="i", at=1, name=name, outcome="ok", reason=reason, correlation_id=correlation,
            account_id=account, session_id=session,
        )  # fmt: skip

    other = data.draw(st.tuples(text, text, text, st.none() | text, st.none() | text))
    assert (canonical(made(fields)) == canonical(made(other))) == (fields == other)


def sealed(keys: Keyring, cipher: Any, **changes: Any) -> Event:
    """One event."""
    fields: dict[str, Any] = {
        "id": event_id(now=START, random=bytes(10)),
        "at": START,
        "name": "sign_in",
        "outcome": "ok",
        "personal": {"device": "Firefox on Linux", "network": "192.0.2.0/24"},
    }
    return seal_event(EventKeys(keys), cipher, **{**fields, **changes})


def test_the_personal_part_is_encrypted_and_bound_to_its_event() -> None:
    """Device and network are not in the row in clear, and open only in their own event."""
    keys = Keyring.generate()
    cipher = FieldCipher(keys, table="event", column="personal", type=str)
    event = sealed(keys, cipher)
    assert b"Firefox" not in event.sealed
    assert "Firefox" not in repr(event)
    assert open_event(EventKeys(keys), cipher, event)["device"] == "Firefox on Linux"


def test_an_altered_event_does_not_open() -> None:
    """The MAC is checked before anything is decrypted."""
    keys = Keyring.generate()
    event = sealed(keys, Plain())
    with pytest.raises(EventAltered):
        open_event(EventKeys(keys), Plain(), Event(**{**fields_of(event), "outcome": "refused"}))
    with pytest.raises(EventAltered):
        open_event(EventKeys(Keyring.generate()), Plain(), event)
    assert open_event(EventKeys(keys), Plain(), sealed(keys, Plain(), personal=None)) == {}


def fields_of(event: Event) -> dict[str, Any]:
    """An event's fields."""
    return {name: getattr(event, name) for name in Event.__slots__}


def test_erasing_a_persons_key_leaves_the_chain_whole() -> None:
    """The MAC covers the encrypted bytes, so a log whose readers lost a key still verifies."""
    keys = Keyring.generate()
    log = AuditLog(MemoryStore(), keys, clock=lambda: START + 100)
    run_inline(log.parts.store.commit((), events=(sealed(keys, Plain()),)))  # type: ignore[attr-defined]

    class Gone(Plain):
        def decrypt(self, blob: bytes, *, row: str) -> str:
            raise ValueError("the key is destroyed")

    log.seal()
    assert log.verify().ok
    with pytest.raises(ValueError, match="destroyed"):
        open_event(log.parts.keys, Gone(), sealed(keys, Plain()))


def test_what_strangers_choose_is_bounded() -> None:
    """A long device name is cut, and a correlation id from a header is a plain word or nothing."""
    keys = Keyring.generate()
    event = sealed(keys, Plain(), personal={"device": "x" * 10_000 + "\x00\ud800"})
    assert len(open_event(EventKeys(keys), Plain(), event)["device"]) == MOST_CHARACTERS
    for given_, kept in (("abc-1", "abc-1"), ("a\r\nb", ""), ("\x00", ""), ("x" * 500, ""), ("", "")):
        assert sealed(keys, Plain(), correlation_id=given_).correlation_id == kept


def test_an_event_nobody_named_is_refused() -> None:
    """The catalogue is the list of what is logged; an app's own events carry its prefix."""
    keys = Keyring.generate()
    with pytest.raises(AuditError):
        sealed(keys, Plain(), name="signin")
    assert sealed(keys, Plain(), name="app.order_placed").name == "app.order_placed"
    with pytest.raises(AuditError):
        event_id(now=1, random=b"short")


def test_events_of_one_step_keep_their_order() -> None:
    """Two events a few microseconds apart sort as they were made, whatever the random bits."""
    first = event_id(now=START + 0.123456, random=b"\xff" * 10)
    second = event_id(now=START + 0.123459, random=bytes(10))
    assert first < second
    assert first[:9] == second[:9]


def test_every_event_in_the_code_stands_in_the_catalogue() -> None:
    """Whatever a step records has words for its owner."""
    package = Path(__file__).parents[2] / "secureacct"
    used: set[str] = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                named = [one.value for one in node.keywords if one.arg == "name"]
                if called in ("happened", "seal_event", "_factors_changed"):
                    named += node.args[1:2]
                    used |= {str(one.value) for one in named if isinstance(one, ast.Constant)}
    assert used <= set(CATALOGUE)


def test_every_kind_has_words_for_each_outcome() -> None:
    """A person reads a sentence, whatever happened."""
    for name in [*CATALOGUE, "app.order_placed"]:
        for outcome in ("ok", "refused", "failed", "attempted"):
            assert words(name, outcome).endswith((".", ")."))
    assert words("app.order_placed", "ok") == "Order placed."


def test_a_note_is_read_only_if_it_is_ours_and_whole() -> None:
    """Every other text, name, key or altered line is no checkpoint."""
    keys = EventKeys(Keyring.generate())
    checkpoint = Checkpoint(name="a/b", number=3, hash=bytes(32), count=7, sealed_at=5, last_at=4)
    note, verifiers = sign(keys, checkpoint), public_keys(keys)
    assert read_note(note, verifiers) == checkpoint
    assert read_note(note, public_keys(EventKeys(Keyring.generate()))) is None
    for place in range(len(note)):
        other = note[:place] + ("0" if note[place] != "0" else "1") + note[place + 1 :]
        assert read_note(other, verifiers) is None, place
    last = note[-3]  # the character before the padding, two of whose bits say nothing
    for twin in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".replace(last, ""):
        assert read_note(note[:-3] + twin + note[-2:], verifiers) is None, twin
    for cut in range(len(note) - 1):
        assert read_note(note[:cut], verifiers) is None
    assert read_note(note + "— other c2lnbmF0dXJl\n", verifiers) == checkpoint  # others may co-sign


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail(note: str) -> None:
    """A file of notes may hold anything; the reader says None."""
    assert read_note(note, public_keys(KEYS)) is None


def test_a_published_key_is_checked_when_it_is_read() -> None:
    """A key with a wrong hash, name or form is refused."""
    published = verifier_key("a/b", public_keys(KEYS)[0])
    name, _ = read_verifier_key(published)
    assert name == "a/b"
    for wrong in ("", "x", published[1:], published.replace("a/b", "a/c"), published[:-4] + "AAA="):
        with pytest.raises(AuditError):
            read_verifier_key(wrong)


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "-a", "x" * 101, "ä"])
def test_a_log_needs_a_plain_name(name: str) -> None:
    """A name that could forge a line of a note is refused at construction."""
    with pytest.raises(AuditError):
        AuditLog(MemoryStore(), Keyring.generate(), name=name)


def test_when_a_segment_is_due() -> None:
    """At a thousand events, or when the oldest is a minute old."""
    assert not due(Pending(count=0), now=START)
    assert not due(Pending(count=999, oldest_at=START), now=START + 59)
    assert due(Pending(count=999, oldest_at=START), now=START + 60)
    assert due(Pending(count=1000, oldest_at=START), now=START)


def segment(number: int = 1) -> Segment:
    """A segment."""
    keys = Keyring.generate()
    return seal_rule(EventKeys(keys), log_name="a", now=START)(None, events(keys, 2))


def test_the_file_keeps_every_note_for_its_owner_only(tmp_path: Path) -> None:
    """Notes are appended in order, mode 0600; a line cut off by a crash is left out."""
    path, one = tmp_path / "notes", segment()
    FileSink(path).deliver(one)
    FileSink(path).deliver(one)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open("a") as file:
        file.write('{"note": "cut o')
    assert list(notes_in(path)) == [one.note, one.note]
    with path.open("a") as file:
        file.write("\nnot json\n[]\n{}\n")
    assert list(notes_in(path)) == [one.note, one.note, "", "", "", ""]


def test_sinks_that_cannot_keep_a_note_say_so(tmp_path: Path) -> None:
    """Neither a missing folder, a link planted at the path, nor a silent system log loses a note."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for sink in (
        FileSink(tmp_path / "no" / "x"),
        FileSink(tmp_path / "link"),
        SyslogSink(str(tmp_path / "log")),
    ):
        with pytest.raises(SinkUnavailable):
            sink.deliver(segment())


def test_the_system_log_gets_one_line(tmp_path: Path) -> None:
    """The note arrives as one escaped line."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "log"))
        SyslogSink(str(tmp_path / "log")).deliver(segment())
        line = listener.recv(10_000).decode().rstrip("\x00")
    assert "secureacct audit checkpoint a\\x0a1\\x0a" in line
    assert "\n" not in line


def test_faces_take_only_their_kind_of_store() -> None:
    """A blocking store in an awaiting face is an error at construction."""

    class Blocking(MemoryStore):
        kind = "blocking"  # type: ignore[assignment]

    with pytest.raises(ConfigurationError):
        AsyncAuditLog(Blocking(), Keyring.generate())  # type: ignore[arg-type]


# Anomalies


def at(
    second: int, *, device: str = "Firefox on Linux", network: str = "192.0.2.0/24", **more: Any
) -> Sighting:
    """A sighting."""
    return Sighting(at=START + second, device=device, network=network, **more)


def test_a_new_browser_on_a_new_network_is_told() -> None:
    """Both must be new, and there must be something they are new against."""
    new = at(9, device="Chrome on Windows", network="198.51.100.0/24")
    found = new_device_on_new_network(new, [at(0)])
    assert found is not None
    assert "Chrome on Windows" in found.why and "198.51.100.0/24" in found.why  # noqa: PT018 - one sentence
    assert new_device_on_new_network(new, []) is None
    assert new_device_on_new_network(new, [], since_ever=False) is not None
    assert new_device_on_new_network(new, [at(0, network="")]) is None
    assert new_device_on_new_network(at(9, device="Chrome on Windows", network=""), [at(0)]) is None
    assert new_device_on_new_network(at(9, device="Chrome on Windows"), [at(0)]) is None
    assert new_device_on_new_network(at(9, network="198.51.100.0/24"), [at(0)]) is None
    assert (
        new_device_on_new_network(new, [at(0), at(1, device="Chrome on Windows", outcome="refused")])
        is not None
    )


def test_many_failures_then_a_success_are_told() -> None:
    """Five wrong within an hour count, once, whoever signed in meanwhile; older ones do not."""
    wrong = [at(second, outcome="refused") for second in range(5)]
    found = failures_then_success(at(60), wrong)
    assert found is not None
    assert found.why.startswith("5 wrong attempts")
    assert failures_then_success(at(60), [*wrong, at(30)]) is not None
    assert failures_then_success(at(60), wrong[1:]) is None
    assert failures_then_success(at(3603), wrong) is None
    assert failures_then_success(at(60), [*wrong, at(30, outcome="told")]) is None


def test_use_after_sign_out_is_told() -> None:
    """A token that comes back after its session ended was copied: by whom, and that it opened nothing."""
    found = used_after_sign_out(at(600))
    assert found.why == (
        "A sign-in that had ended was used again by Firefox on Linux from the network 192.0.2.0/24. "
        "It opened nothing."
    )


def test_two_networks_at_once_are_told_and_a_walk_is_not() -> None:
    """A sign-in from a network of its own, while another session is in use; not where the network is known,
    the other session is long quiet, or it is the same session that moved."""
    home, away = at(0, session_id="s"), at(60, session_id="t", network="198.51.100.0/24")
    found = two_networks_at_once(away, [home])
    assert found is not None
    assert "198.51.100.0/24" in found.why and "192.0.2.0/24" in found.why  # noqa: PT018 - one sentence
    assert two_networks_at_once(away, [home, at(-9999, network="198.51.100.0/24")]) is None
    assert two_networks_at_once(at(700, session_id="t", network="198.51.100.0/24"), [home]) is None
    assert two_networks_at_once(at(60, session_id="s", network="198.51.100.0/24"), [home]) is None
    assert two_networks_at_once(away, [at(0, session_id="s", outcome="refused")]) is None
    assert two_networks_at_once(at(60, session_id="t"), [home]) is None


def test_the_gravest_anomaly_comes_first() -> None:
    """What goes into the mail is what matters most; everything is on record."""
    wrong = [at(second, network="203.0.113.0/24", outcome="refused") for second in range(5)]
    thief = at(60, device="Chrome on Windows", network="203.0.113.0/24", session_id="t")
    struck = of_sign_in(thief, [at(0, session_id="s"), *wrong], since_ever=True)
    assert [one.rule for one in struck] == [
        "failures_then_success",
        "two_networks_at_once",
        "new_device_on_new_network",
    ]
    assert of_sign_in(at(60, session_id="t"), [at(0, session_id="s")], since_ever=True) == ()
