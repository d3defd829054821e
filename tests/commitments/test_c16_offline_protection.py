"""C16: sensitive business and financial data is protected off line too."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from secureacct.cli.backup import group
from secureacct.commitments import backup
from secureacct.commitments.backup import (
    BackupAltered,
    BackupError,
    BackupExists,
    BackupLocked,
    open_stream,
    read_header,
    seal,
    seal_stream,
    unseal,
)
from secureacct.errors import ConfigurationError
from secureacct.keys import Keyring, KeyringSealed, PassphraseProvider

OPENS = PassphraseProvider("correct horse", memory_kib=19456, passes=1, lanes=1)
WRONG = PassphraseProvider("battery staple", memory_kib=19456, passes=1, lanes=1)
VECTORS = Path(__file__).parent.parent / "vectors" / "sealed_backup.json"


class Fixed:
    """A provider that wraps by writing down, for known answers and for speed. Protects nothing."""

    name = "fixed"
    key_id = "1"

    def wrap(self, material, *, context):
        return material + json.dumps(dict(context), sort_keys=True).encode()

    def unwrap(self, wrapped, *, context):
        if wrapped[32:] != json.dumps(dict(context), sort_keys=True).encode():
            raise KeyringSealed("elsewhere")
        return wrapped[:32]

    def rewrap_many(self, wrapped):
        raise NotImplementedError


def sealed(data: bytes) -> bytes:
    """An archive of these bytes, the same except for its salt."""
    sink = io.BytesIO()
    seal_stream(io.BytesIO(data), sink, provider=Fixed(), holds="data", made_at=1, key=bytes(range(32)))
    return sink.getvalue()


def opened(archive: bytes) -> bytes:
    """What an archive holds."""
    sink = io.BytesIO()
    open_stream(io.BytesIO(archive), sink, provider=Fixed())
    return sink.getvalue()


def test_a_stolen_archive_is_noise_and_opens_with_the_passphrase(tmp_path):
    """The thief of the file has no word of it; the owner gets the same bytes back, readable to them only."""
    dump = tmp_path / "dump.sql"
    dump.write_text("insert into customer values ('Ada Canary')" * 1000)
    seal(dump, tmp_path / "dump.sealed", provider=OPENS, holds="data")
    archive = (tmp_path / "dump.sealed").read_bytes()
    assert b"Canary" not in archive
    assert b"correct horse" not in archive
    unseal(tmp_path / "dump.sealed", tmp_path / "again.sql", provider=OPENS, expected_holds="data")
    assert (tmp_path / "again.sql").read_bytes() == dump.read_bytes()
    assert (tmp_path / "again.sql").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "dump.sealed").stat().st_mode & 0o777 == 0o600


def test_another_passphrase_opens_nothing_and_leaves_nothing(tmp_path):
    """The refusal says what is wrong, and no file appears."""
    (tmp_path / "dump").write_bytes(b"x" * 100)
    seal(tmp_path / "dump", tmp_path / "sealed", provider=OPENS, holds="data")
    with pytest.raises(BackupLocked):
        unseal(tmp_path / "sealed", tmp_path / "out", provider=WRONG, expected_holds="data")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["dump", "sealed"]


def test_every_flipped_bit_is_refused():
    """One bit changed anywhere, header or body, and the archive does not open."""
    archive = sealed(b"a dump of 40 bytes, more or less exactly")
    for place in range(len(archive)):
        for bit in (0, 3, 7):
            changed = bytearray(archive)
            changed[place] ^= 1 << bit
            with pytest.raises((BackupAltered, BackupLocked)):
                opened(bytes(changed))


@settings(max_examples=60)
@given(st.binary(max_size=70_000), st.data())
def test_what_goes_in_comes_out_and_nothing_shorter_or_longer_opens(data, draw):
    """A round trip gives the same bytes; an archive cut anywhere, or with anything after it, is refused."""
    archive = sealed(data)
    assert opened(archive) == data
    cut = draw.draw(st.integers(0, len(archive) - 1))
    with pytest.raises(BackupAltered):
        opened(archive[:cut])
    with pytest.raises(BackupAltered):
        opened(archive + draw.draw(st.binary(min_size=1, max_size=40)))


def test_chunks_of_two_archives_do_not_mix():
    """The tail of another backup under the same key does not fit."""
    first, second = sealed(b"1" * 100_000), sealed(b"2" * 100_000)
    with pytest.raises(BackupAltered):
        opened(first[:60_000] + second[60_000:])


def test_nothing_is_ever_overwritten(tmp_path):
    """A target that exists is left alone, when sealing and when opening."""
    (tmp_path / "dump").write_bytes(b"new")
    (tmp_path / "there").write_bytes(b"old")
    with pytest.raises(BackupExists):
        seal(tmp_path / "dump", tmp_path / "there", provider=Fixed(), holds="data")
    seal(tmp_path / "dump", tmp_path / "sealed", provider=Fixed(), holds="data")
    with pytest.raises(BackupExists):
        unseal(tmp_path / "sealed", tmp_path / "there", provider=Fixed(), expected_holds="data")
    assert (tmp_path / "there").read_bytes() == b"old"


def test_keys_and_data_never_share_an_archive(tmp_path):
    """A keyring is not taken for data, nor data for a keyring, when sealing and when opening."""
    Keyring.generate().save(str(tmp_path / "keyring.json"))
    (tmp_path / "dump").write_bytes(b"data")
    with pytest.raises(BackupError, match="separate"):
        seal(tmp_path / "keyring.json", tmp_path / "x", provider=Fixed(), holds="data")
    with pytest.raises(BackupError, match="separate"):
        seal(tmp_path / "dump", tmp_path / "x", provider=Fixed(), holds="keyring")
    seal(tmp_path / "keyring.json", tmp_path / "keys.sealed", provider=Fixed(), holds="keyring")
    with pytest.raises(BackupError, match="holds keyring"):
        unseal(tmp_path / "keys.sealed", tmp_path / "y", provider=Fixed(), expected_holds="data")
    unseal(tmp_path / "keys.sealed", tmp_path / "again.json", provider=Fixed(), expected_holds="keyring")
    Keyring.load(str(tmp_path / "again.json"))


@pytest.mark.parametrize("nameless", [True, False])
def test_a_restore_that_is_killed_leaves_nothing_half_done(tmp_path, nameless):
    """The process is killed in the middle of the restore: there is no target, and a second run works."""
    (tmp_path / "dump").write_bytes(os.urandom(200_000))
    seal(tmp_path / "dump", tmp_path / "sealed", provider=Fixed(), holds="data")
    program = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent.parent.parent)!r})
        from pathlib import Path
        from secureacct.commitments import backup
        from tests.commitments.test_c16_offline_protection import Fixed
        backup.READ_BYTES = 50_000
        if not {nameless}: del os.O_TMPFILE
        class Dies(backup._Whole):
            def write(self, data):
                super().write(data)
                os.kill(os.getpid(), signal.SIGKILL)
        backup._Whole = Dies
        backup.unseal(Path("sealed"), Path("out"), provider=Fixed(), expected_holds="data")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "out").exists()
    unseal(tmp_path / "sealed", tmp_path / "out", provider=Fixed(), expected_holds="data")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "dump").read_bytes()


def test_a_failed_restore_cleans_up_where_files_need_names(tmp_path, monkeypatch):
    """Without nameless files, a refused archive leaves no part behind either."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    (tmp_path / "dump").write_bytes(b"x" * 50_000)
    seal(tmp_path / "dump", tmp_path / "sealed", provider=Fixed(), holds="data")
    damaged = bytearray((tmp_path / "sealed").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "sealed").write_bytes(damaged)
    with pytest.raises(BackupAltered):
        unseal(tmp_path / "sealed", tmp_path / "out", provider=Fixed(), expected_holds="data")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["dump", "sealed"]


def test_memory_does_not_grow_with_the_dump(tmp_path):
    """Sealing and opening 64 MiB takes no more memory than a few pieces."""
    with (tmp_path / "dump").open("wb") as file:
        for _ in range(64):
            file.write(os.urandom(1 << 20))
    program = f"""
        import resource, sys
        sys.path.insert(0, {str(Path(__file__).parent.parent.parent)!r})
        from pathlib import Path
        from secureacct.commitments import backup
        from tests.commitments.test_c16_offline_protection import Fixed
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        backup.seal(Path("dump"), Path("sealed"), provider=Fixed(), holds="data")
        backup.unseal(Path("sealed"), Path("out"), provider=Fixed(), expected_holds="data")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, capture_output=True, check=True
    )
    assert int(done.stdout) < 24 * 1024, "KiB grown"
    assert (tmp_path / "out").stat().st_size == 64 << 20


@pytest.mark.parametrize("case", json.loads(VECTORS.read_text())["cases"], ids=lambda case: case["name"])
def test_archives_of_the_specification_open(case):
    """Archives written down long ago still open, or are refused, as the specification says."""
    archive = bytes.fromhex(case["archive"])
    if case["opens"]:
        assert opened(archive) == bytes.fromhex(case["data"])
        assert read_header(io.BytesIO(archive))[0].holds == case["holds"]
    else:
        with pytest.raises((BackupAltered, BackupLocked)):
            opened(archive)


def test_a_header_says_only_what_it_may():
    """An archive tells when it was made, what it holds and who can open it, and nothing else."""
    header, raw = read_header(io.BytesIO(sealed(b"x")))
    assert set(json.loads(raw[len(backup.MAGIC) + 5 :])) == {
        "holds",
        "key_id",
        "made_at",
        "provider",
        "wrapped",
    }
    assert (header.made_at, header.provider) == (1, "fixed")


def run_cli(*arguments, text=""):
    """``secureacct backup`` with these arguments."""
    return CliRunner().invoke(group, [str(one) for one in arguments], input=text)


def test_the_commands_seal_show_and_open(tmp_path):
    """A passphrase comes from a file or a prompt; exit code 1 is an archive that does not open."""
    (tmp_path / "dump").write_bytes(b"data" * 1000)
    (tmp_path / "pass").write_text("a passphrase\n")
    (tmp_path / "other").write_text("another\n")
    sealed_file, key = tmp_path / "d.sealed", ["--passphrase-file", tmp_path / "pass"]
    assert run_cli("seal", tmp_path / "dump", sealed_file, *key).exit_code == 0
    assert json.loads(run_cli("show", sealed_file).output)["holds"] == "data"
    wrong = run_cli("open", sealed_file, tmp_path / "out", "--passphrase-file", tmp_path / "other")
    assert wrong.exit_code == 1
    assert not (tmp_path / "out").exists()
    assert run_cli("open", sealed_file, tmp_path / "out", text="a passphrase\n").exit_code == 0
    assert (tmp_path / "out").read_bytes() == b"data" * 1000
    assert isinstance(run_cli("open", sealed_file, tmp_path / "out", *key).exception, BackupExists)
    (tmp_path / "junk").write_bytes(b"no archive")
    assert run_cli("show", tmp_path / "junk").exit_code == 1


def test_no_option_takes_a_passphrase():
    """A passphrase on the command line would stand in the list of processes."""
    for command in group.commands.values():
        assert not {"passphrase", "password"} & {one.name for one in command.params}


def test_a_key_service_can_wrap_instead(tmp_path):
    """``--provider`` names an object of the site's own."""
    (tmp_path / "dump").write_bytes(b"data")
    provider = ["--provider", "tests.commitments.test_c16_offline_protection:SERVICE"]
    assert run_cli("seal", tmp_path / "dump", tmp_path / "s", *provider).exit_code == 0
    assert run_cli("open", tmp_path / "s", tmp_path / "out", *provider).exit_code == 0
    missing = run_cli("seal", tmp_path / "dump", tmp_path / "t", "--provider", "nothing:here")
    assert isinstance(missing.exception, ConfigurationError)


SERVICE = Fixed()
