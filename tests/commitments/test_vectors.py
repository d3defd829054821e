"""The formats of ledger and receipt, by known answers that any other program can use."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from secureacct.commitments import receipts
from secureacct.commitments.errors import BadReceipt
from secureacct.consent.ledger import GENESIS, ledger_mac
from secureacct.records.consents import LedgerEntry

VECTORS = Path(__file__).parent.parent / "vectors"
LEDGER = json.loads((VECTORS / "choice_ledger.json").read_text("utf-8"))
RECEIPT = json.loads((VECTORS / "erasure_receipt.json").read_text("utf-8"))


class OneKey:
    """A keyring that derives what the vectors say."""

    def derive(self, root: str, purpose: bytes, *, key_id: int) -> bytes:
        """The vectors' key, for the ledger of their key id alone."""
        assert (root, purpose, key_id) == ("audit", b"ledger/v1", 7)
        return bytes.fromhex(LEDGER["mac_key"])


def test_the_ledgers_macs_are_those_of_the_specification():
    """Each entry's MAC follows from its fields and the MAC before it."""
    keys: Any = OneKey()
    previous = GENESIS
    for one in LEDGER["entries"]:
        facts = {name: value for name, value in one.items() if name not in ("words", "mac", "words_hash")}
        words = hashlib.sha256(one["words"].encode()).digest()
        assert words.hex() == one["words_hash"]
        entry = LedgerEntry(**facts, words_hash=words)
        previous = ledger_mac(keys, entry, previous=previous)
        assert previous.hex() == one["mac"]


def test_the_receipt_of_the_specification_reads():
    """It says what the vectors say, and altered ones are refused."""
    public = bytes.fromhex(RECEIPT["public_key"])
    read = receipts.read(RECEIPT["receipt"], public=public)
    says = RECEIPT["says"]
    assert [list(one) for one in read.kept] == says["kept"]
    assert list(read.erased) == says["erased"]
    for name in ("person", "requested_at", "erased_at", "key_id", "limits"):
        assert getattr(read, name) == says[name]
    for wrong in RECEIPT["refused"]:
        with pytest.raises(BadReceipt):
            receipts.read(wrong, public=public)
