"""The keyring on disk."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from secureacct.errors import TemporarilyUnavailable
from secureacct.keys import (
    KeyDestroyed,
    Keyring,
    KeyringAltered,
    KeyringError,
    KeyringExists,
    KeyringNotFound,
    KeyringSealed,
    KeyringUnsafe,
    KeyStateError,
    KmsUnavailable,
    PassphraseProvider,
    State,
    UnknownKey,
    keyring,
    providers,
)
from tests import second_reader
from tests.field_kit import flipped

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a keyring may be."""
    return tmp_path / "keyring.json"


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id as small as the reader allows: these tests are not about its cost."""
    monkeypatch.setattr(providers.PassphraseProvider.__init__, "__defaults__", (19456, 1, 1))


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a demoted key be destroyed at once."""
    monkeypatch.setattr(keyring, "SETTLE_SECONDS", 0)


@pytest.mark.parametrize("number", [0, 1], ids=["bare", "passphrase"])
def test_a_file_of_the_second_implementation_is_read(path: Path, number: int) -> None:
    """A file written from the specification loads, gives the published keys and keeps them in a change."""
    vector = json.loads((Path(__file__).parents[1] / "vectors" / "keyring.json").read_text())[number]
    path.write_text(json.dumps(vector["file"]))
    path.chmod(0o600)
    ring = Keyring.load(path, vector["passphrase"])
    assert ring.revision == 7
    assert [info.state.value for info in ring.describe("fields")] == [
        *("destroyed", "disabled", "decrypt-only", "primary", "pending")
    ]
    assert {(info.created, info.changed) for info in ring.describe()} == {(1_800_000_000, 1_800_000_060)}
    assert ring.readable("fields") == (4, 5, 3)
    ring.enable("fields", 2)
    again = Keyring.load(path, vector["passphrase"])
    assert again.revision == 8
    for one in vector["derived"]:
        for each in (ring, again):
            key = each.derive(one["root"], one["purpose"], key_id=one["key_id"], length=40)
            assert key.hex() == one["key"]
    with pytest.raises(KeyDestroyed):
        ring.derive("fields", "p", key_id=1)


def test_the_keyring_vectors_are_those_of_the_second_implementation() -> None:
    """The file of vectors holds what the second implementation writes."""
    found = json.loads((Path(__file__).parents[1] / "vectors" / "keyring.json").read_text())
    assert found == second_reader.keyring_vectors()


def test_what_is_saved_is_loaded(path: Path) -> None:
    """A loaded keyring derives the same keys, and the file is for its owner alone."""
    ring = Keyring.generate()
    ring.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = Keyring.load(path)
    assert loaded.derive("csrf", "p") == ring.derive("csrf", "p")
    assert loaded.path == str(path.resolve())


def test_a_saved_keyring_is_written_before_a_change_returns(path: Path) -> None:
    """Every change is in the file when the call returns, for the one who saved and the one who loaded."""
    ring = Keyring.generate()
    ring.save(path)
    ring.rotate()
    assert Keyring.load(path).readable("fields") == (2, 1)
    loaded = Keyring.load(path)
    loaded.add_pending("tokens")
    assert Keyring.load(path).readable("tokens") == (1, 2)
    assert sorted(left.name for left in path.parent.iterdir()) == ["keyring.json", "keyring.json.lock"]


def test_changes_are_made_on_what_the_file_holds_now(path: Path) -> None:
    """Two keyrings bound to one file never lose each other's keys."""
    one = Keyring.generate()
    one.save(path)
    two = Keyring.load(path)
    one.rotate()
    assert two.rotate() == 3
    assert one.rotate() == 4
    assert Keyring.load(path).readable("fields") == (4, 3, 2, 1)


def _rotate(path: Path, times: int) -> None:
    ring = Keyring.load(path)
    for _ in range(times):
        ring.rotate()


def test_processes_rotate_one_after_the_other(path: Path) -> None:
    """Four processes with ten rotations each leave forty more keys, none lost, one primary."""
    Keyring.generate().save(path)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_rotate, args=(path, 10)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    known = Keyring.load(path).describe("fields")
    assert [info.id for info in known] == list(range(1, 42))
    assert [info.id for info in known if info.state is State.PRIMARY] == [41]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o610])
def test_a_file_open_to_others_is_refused(path: Path, mode: int) -> None:
    """Any bit for group or others refuses, and the message has the command that mends it."""
    Keyring.generate().save(path)
    path.chmod(mode)
    with pytest.raises(KeyringUnsafe, match="chmod 600"):
        Keyring.load(path)


def test_a_folder_where_everybody_writes_is_refused(path: Path) -> None:
    """Whoever can write the folder can replace the file; a sticky folder is as good as a private one."""
    Keyring.generate().save(path)
    path.parent.chmod(0o777)
    with pytest.raises(KeyringUnsafe, match="chmod o-w"):
        Keyring.load(path)
    path.parent.chmod(0o1777)
    Keyring.load(path)


def test_every_altered_bit_is_found(path: Path) -> None:
    """No single bit of the file can be turned without the keyring refusing to load."""
    Keyring.generate().save(path)
    good = path.read_bytes()
    whole = json.loads(good)
    for bit in range(0, len(good) * 8, 7):  # 7 shares no factor with 8: every place in a byte is met
        changed = flipped(good, bit)
        try:
            if json.loads(changed) == whole:
                continue  # white space
        except ValueError:
            pass
        path.write_bytes(changed)
        with pytest.raises(KeyringAltered):
            Keyring.load(path)


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d["roots"]["fields"][0].update(state="decrypt-only"),
        lambda d: d["roots"]["fields"][0].update(created=0),
        lambda d: d["roots"]["fields"].append(d["roots"]["fields"][0]),
        lambda d: d["roots"].update(fields=[]),
        lambda d: d["roots"].pop("csrf"),
        lambda d: d["roots"].update(extra=[]),
        lambda d: d.update(revision=9),
        lambda d: d.update(revision=True),
        lambda d: d.update(revision=-1),
        lambda d: d.update(wrap=[]),
        lambda d: d.update(wrap={"provider": "passphrase"}),
        lambda d: d.update(roots=[]),
        lambda d: d["roots"].update(fields={}),
        lambda d: d["roots"].update(fields=[5]),
        lambda d: d["roots"]["fields"][0].update(material=None),
        lambda d: d["roots"]["fields"][0].update(state="destroyed"),
        lambda d: d["roots"]["fields"][0].update(check=None),
        lambda d: d["roots"]["fields"][0].update(state="retired"),
        lambda d: d.update(note="hello"),
        lambda d: d.update(format="secureacct-keyring/2"),
        lambda d: d.update(id="AAAAAAAAAAAAAAAAAAAAAA"),
        lambda d: d.update(wrap={"provider": "passphrase", "key_id": "passphrase", "key": ""}),
        lambda d: d["roots"].update(fields=d["roots"]["index"], index=d["roots"]["fields"]),
    ],
)
def test_every_edit_is_found(path: Path, edit: Callable[[dict], None]) -> None:
    """A changed state, date, order, root or header is refused even where the JSON is well formed."""
    Keyring.generate().save(path)
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    with pytest.raises((KeyringAltered, KeyringSealed)):
        Keyring.load(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "[" * 100_000, "\xff", '{"format": 1, "format": 1}']
)
def test_what_is_no_keyring_is_refused(path: Path, text: str) -> None:
    """Anything else in the file is one clear error."""
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyringAltered, match="restore it"):
        Keyring.load(path)


def test_a_huge_file_is_not_read(path: Path) -> None:
    """A file over 1 MiB is no keyring, and is not parsed to find out."""
    path.write_bytes(b" " * (1 << 20) + b"x")
    path.chmod(0o600)
    with pytest.raises(KeyringAltered, match="too large"):
        Keyring.load(path)


def test_a_missing_file_says_how_to_make_one(path: Path) -> None:
    """The error names the command that makes a keyring."""
    with pytest.raises(KeyringNotFound, match="secureacct keys init"):
        Keyring.load(path)


def test_saving_never_loses_keys(path: Path) -> None:
    """Over another keyring, over more keys, and over a tombstone, saving is refused and changes nothing."""
    ring = Keyring.generate()
    ring.save(path)
    with pytest.raises(KeyringExists):
        Keyring.generate().save(path)
    stale = Keyring(ring._snapshot)
    ring.rotate()
    with pytest.raises(KeyringExists):
        stale.save(path)
    held = Keyring(ring._snapshot)
    ring.destroy("fields", 1, force=True)
    before = path.read_bytes()
    with pytest.raises(KeyringExists):
        held.save(path)
    assert path.read_bytes() == before


def test_saving_over_what_cannot_be_read_is_refused(path: Path) -> None:
    """A damaged file may hold the only copy of a key: it is not overwritten."""
    ring = Keyring.generate()
    ring.save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(KeyringExists, match="move it away"):
        ring.save(path)


def test_saving_again_changes_nothing_but_the_wrapping(path: Path, cheap: None) -> None:
    """A keyring can be put under a passphrase, and out of it, without losing what others changed."""
    ring = Keyring.generate()
    ring.save(path)
    ring.rotate()
    Keyring.load(path).disable("fields", 1)
    ring.save(path, PASSPHRASE)
    assert Keyring.load(path, PASSPHRASE).readable("fields") == (2,)
    assert ring.readable("fields") == (2,)
    ring.save(path)
    Keyring.load(path).rotate()
    with pytest.raises(KeyringExists):
        ring.save(path, PASSPHRASE)
    ring.reload()
    ring.save(path, PASSPHRASE)
    assert Keyring.load(path, PASSPHRASE).primary("fields") == 3


def test_a_wrapped_file_holds_no_material(path: Path, cheap: None) -> None:
    """With a passphrase, no root key is in the file, and rotating keeps it wrapped."""
    ring = Keyring.generate()
    ring.save(path, PASSPHRASE)
    ring.rotate()
    document = json.loads(path.read_text())
    plain = [entry.material for known in ring._snapshot.roots.values() for entry in known]
    stored = path.read_text()
    from secureacct._bytes import b64url

    assert document["wrap"]["provider"] == "passphrase"
    assert not any(b64url(material) in stored for material in plain if material)
    assert Keyring.load(path, PASSPHRASE).derive("fields", "p") == ring.derive("fields", "p")


def test_a_passphrase_costs_what_the_rfc_recommends() -> None:
    """64 MiB, three passes and four lanes unless said otherwise; the bounds of what is read are these."""
    provider = PassphraseProvider(PASSPHRASE)
    assert (provider.memory_kib, provider.passes, provider.lanes) == (64 * 1024, 3, 4)
    for good in ((19456, 1, 1), (1 << 20, 64, 16)):
        PassphraseProvider(PASSPHRASE, *good)
    for bad in (
        (19455, 1, 1),
        ((1 << 20) + 1, 1, 1),
        (19456, 0, 1),
        (19456, 65, 1),
        (19456, 1, 0),
        (19456, 1, 17),
    ):
        with pytest.raises(KeyringError, match="out of range"):
            PassphraseProvider(PASSPHRASE, *bad)


def test_a_wrapped_file_opens_with_its_passphrase_alone(path: Path, cheap: None) -> None:
    """No passphrase, another one, and a swapped wrapping each stay closed, with the reason."""
    Keyring.generate().save(path, PASSPHRASE)
    for wrong, why in (
        (None, "is wrapped by a passphrase"),
        ("another", "does not fit"),
        (b"x", "does not fit"),
    ):
        with pytest.raises(KeyringSealed, match=why):
            Keyring.load(path, wrong)
    document = json.loads(path.read_text())
    other = path.parent / "other.json"
    Keyring.generate().save(other, PASSPHRASE)
    document["wrap"] = json.loads(other.read_text())["wrap"]
    path.write_text(json.dumps(document))
    with pytest.raises(KeyringSealed, match="damaged or belongs elsewhere"):
        Keyring.load(path, PASSPHRASE)


def test_an_unwrapped_file_never_passes_for_a_wrapped_one(path: Path) -> None:
    """Who gives a passphrase expects a wrapped file: a bare one put in its place is refused."""
    Keyring.generate().save(path)
    with pytest.raises(KeyringSealed, match="not wrapped"):
        Keyring.load(path, PASSPHRASE)


def test_an_empty_passphrase_is_refused(path: Path) -> None:
    """An empty passphrase is a mistake, not a choice; so is giving two ways in."""
    with pytest.raises(KeyringError, match="empty"):
        Keyring.generate().save(path, "")
    with pytest.raises(KeyringError, match="not both"):
        Keyring.generate().save(path, PASSPHRASE, provider=PassphraseProvider(PASSPHRASE))


@pytest.mark.parametrize("damage", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x08"])
def test_a_file_cannot_choose_the_work(damage: bytes, cheap: None) -> None:
    """Argon2id memory outside of the limits is refused before anything is allocated."""
    provider = PassphraseProvider(PASSPHRASE, memory_kib=19456, passes=1, lanes=1)
    wrapped = provider.wrap(bytes(32), context={})
    with pytest.raises(KeyringSealed, match="out of range"):
        provider.unwrap(wrapped[:1] + damage + wrapped[5:], context={})
    with pytest.raises(KeyringError, match="out of range"):
        PassphraseProvider(PASSPHRASE, memory_kib=1024)


def test_a_change_elsewhere_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the reload time a process sees what another changed, without being told."""
    ring = Keyring.generate()
    ring.save(path)
    other = Keyring.load(path)
    ring.rotate()
    assert other.primary("fields") == 1
    later = time.monotonic() + keyring.RELOAD_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert other.primary("fields") == 2


def test_an_unknown_key_makes_it_look_at_once(path: Path) -> None:
    """A key id that another process just made is found although the reload time is not over."""
    ring = Keyring.generate()
    ring.save(path)
    other = Keyring.load(path)
    newest = ring.rotate()
    assert other.derive("fields", "p", key_id=newest) == ring.derive("fields", "p")
    with pytest.raises(UnknownKey):
        other.derive("fields", "p", key_id=99)


def test_a_damaged_file_does_not_stop_a_running_process(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A process goes on with what it has and says so in the log; asked to reload, it raises."""
    ring = Keyring.generate()
    ring.save(path)
    path.write_bytes(b"{}")
    later = time.monotonic() + keyring.RELOAD_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert ring.primary("fields") == 1
    assert "not reloaded" in caplog.text
    with pytest.raises(KeyringAltered):
        ring.reload()
    with pytest.raises(KeyringAltered):
        ring.rotate()


def test_an_older_copy_is_not_taken_back(path: Path) -> None:
    """A backup put over a newer file would undo a destruction: a running process refuses it."""
    ring = Keyring.generate()
    ring.save(path)
    old = path.read_bytes()
    ring.rotate()
    ring.destroy("fields", 1, force=True)
    path.write_bytes(old)
    with pytest.raises(KeyringAltered, match="older copy"):
        ring.reload()
    with pytest.raises(KeyDestroyed):
        ring.derive("fields", "p", key_id=1)


def test_another_keyring_in_its_place_is_refused(path: Path) -> None:
    """A file replaced by a different, valid keyring is not taken for the same."""
    ring = Keyring.generate()
    ring.save(path)
    os.rename(path, path.parent / "away.json")
    Keyring.generate().save(path)
    with pytest.raises(KeyringAltered, match="another keyring"):
        ring.reload()


def test_a_key_that_was_just_primary_is_not_destroyed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes may write with the old primary until they reload: destroying waits for that."""
    now = [1_700_000_000.0]
    ring = Keyring.generate(clock=lambda: now[0])
    ring.save(path)
    ring.rotate()
    with pytest.raises(KeyStateError, match="less than 10 s ago"):
        ring.destroy("fields", 1, remaining=lambda: 0)
    ring.disable("fields", 1)
    with pytest.raises(KeyStateError, match="less than 10 s ago"):
        ring.destroy("fields", 1, remaining=lambda: 0)
    now[0] += 2 * keyring.RELOAD_SECONDS
    ring.destroy("fields", 1, remaining=lambda: 0)
    assert Keyring.load(path).describe("fields")[0].state is State.DESTROYED


def test_a_killed_writer_leaves_the_old_or_the_new_file(path: Path) -> None:
    """A process killed while it rotates never leaves half a file, and its rest is cleared away."""
    Keyring.generate().save(path)
    program = (
        "import sys; from secureacct.keys import Keyring\n"
        "ring = Keyring.load(sys.argv[1]); print('ready', flush=True)\n"
        "while True: ring.rotate()"
    )
    for delay in (0.01, 0.03, 0.05):
        with subprocess.Popen(
            [sys.executable, "-c", program, path], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            deadline = time.monotonic() + delay
            while time.monotonic() < deadline:
                Keyring.load(path)
            child.kill()
        Keyring.load(path).rotate()
        assert not list(path.parent.glob(".*.tmp"))


def test_a_file_that_cannot_be_written_is_one_clear_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk refuses, the keyring in memory and the file both stay as they were."""
    ring = Keyring.generate()
    ring.save(path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyringError, match="No space left"):
        ring.rotate()
    assert (ring.primary("fields"), path.read_bytes()) == (1, before)
    assert not list(path.parent.glob(".*.tmp"))


def test_a_link_is_followed_and_kept(path: Path) -> None:
    """A keyring behind a symbolic link is written where the link leads; the link stays."""
    real = path.parent / "real.json"
    Keyring.generate().save(real)
    path.symlink_to(real)
    Keyring.load(path).rotate()
    assert path.is_symlink()
    assert Keyring.load(real).primary("fields") == 2


class Unreachable:
    """A key service that is down."""

    name = key_id = "service"

    def wrap(self, material: bytes, *, context: providers.Context) -> bytes:
        raise KmsUnavailable("no answer")

    unwrap = wrap

    def rewrap_many(self, wrapped: object) -> list[bytes]:
        raise KmsUnavailable("no answer")


def test_a_silent_key_service_is_not_a_damaged_file(path: Path) -> None:
    """A provider that does not answer is KmsUnavailable, to be tried again, and writes nothing."""
    with pytest.raises(KmsUnavailable) as caught:
        Keyring.generate().save(path, provider=Unreachable())
    assert isinstance(caught.value, TemporarilyUnavailable)
    assert caught.value.retry_after > 0
    assert not path.exists()
