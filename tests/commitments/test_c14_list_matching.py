"""C14: e-mail addresses may be compared with subscription or customer lists."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

import pytest
import sqlalchemy as sa

from secureacct._faces import run_inline
from secureacct.commitments.list_matching import WINDOW, MatchProgress, match_list, match_list_async
from secureacct.fields import BlindIndex
from secureacct.records.accounts import ClaimIdentifier
from tests.privacy_kit import OnSql

ODD = [
    ("Ada.Lovelace@Example.ORG", "ada.lovelace@example.org"),
    ("käthe@bücher.example", "käthe@xn--bcher-kva.example"),
    ("用户@例子.广告", "用户@例子.广告"),
    ("o'hara+shop@mail.example", "O'Hara+Shop@MAIL.example"),
    ("straße@faß.example", "straße@faß.example"),
]


class Book:
    """Our side in a dict, as an app with its own table would answer."""

    def __init__(self, index: BlindIndex, accounts: Mapping[str, str]) -> None:
        self.by_token = {index.of(address): account for address, account in accounts.items()}
        self.asked: list[int] = []

    async def accounts_of_tokens(self, tokens: Sequence[bytes]) -> Mapping[bytes, str]:
        self.asked.append(len(tokens))
        return {token: self.by_token[token] for token in tokens if token in self.by_token}


@pytest.fixture
def index(keys):
    """The index that account addresses are stored under."""
    return BlindIndex(keys, table="account", column="email", normalise="email", unique=True)


def test_matching_finds_what_plaintext_would_find(index):
    """On 100,000 addresses with many spellings, the matches are those of comparing in clear."""
    chance = random.Random(14)
    ours = {f"person{number}@example.org": f"a{number}" for number in range(20_000)}
    theirs = [
        chance.choice((str.upper, str.lower, str.title, str))(
            f"person{chance.randrange(200_000)}@Example.org"
        )
        for _ in range(100_000)
    ]
    ours |= {mine: f"odd{number}" for number, (mine, _) in enumerate(ODD)}
    theirs += [their for _, their in ODD]
    in_clear = {address.lower(): account for address, account in ours.items()}
    expected = {in_clear[one.lower()] for one in theirs if one.lower() in in_clear}
    expected |= {f"odd{number}" for number in range(len(ODD))}
    book = Book(index, ours)
    found = list(match_list(book, index, iter(theirs)))
    assert set(found) == expected
    assert max(book.asked) <= 500


def test_nothing_of_the_list_is_kept(store, index, tmp_path):
    """The accounts come out; of the list's addresses there is no trace in the database."""
    run_inline(store.commit([ClaimIdentifier(tokens=(index.of("ada@example.org"),), account_id="42", now=0)]))
    theirs = ["Ada@example.org", "canary@example.org", " ", "not an address", ""]
    progress: list[MatchProgress] = []
    assert list(match_list(store, index, theirs, progress=progress.append)) == ["42"]
    assert (progress[-1].read, progress[-1].matched, progress[-1].unreadable) == (3, 1, 1)
    for file in tmp_path.iterdir():
        assert b"canary" not in file.read_bytes()
        assert index.of("canary@example.org") not in file.read_bytes()


def test_a_reserved_address_is_nobodys(store, index):
    """An address that waits after a change of e-mail matches no account."""
    from secureacct.records.accounts import ReserveIdentifier

    token = index.of("ada@example.org")
    run_inline(store.commit([ClaimIdentifier(tokens=(token,), account_id="42", now=0)]))
    run_inline(store.commit([ReserveIdentifier(tokens=(token,), account_id="42", until=10**10)]))
    assert list(match_list(store, index, ["ada@example.org"])) == []


def test_both_index_keys_are_asked_while_the_index_rotates(index, keys, store):
    """Addresses stored under the older key are still found, once each."""
    from secureacct.keys import Keyring

    rotating = Keyring.generate()
    old = BlindIndex(rotating, table="account", column="email", normalise="email", unique=True)
    run_inline(store.commit([ClaimIdentifier(tokens=(old.of("ada@example.org"),), account_id="42", now=0)]))
    rotating.rotate(root="index")
    assert list(match_list(store, old, ["ada@example.org", "ADA@example.org"])) == ["42"]


def test_the_list_is_read_as_it_comes(index):
    """A list of any length is taken a window at a time, and answers come before it ends."""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield f"person{taken}@example.org"

    found = match_list(Book(index, {"person3@example.org": "a3"}), index, endless())
    assert next(found) == "a3"
    assert taken == WINDOW


def test_awaiting_programs_get_the_same(index):
    """The awaiting face finds what the blocking one finds."""

    async def run():
        book = Book(index, {"ada@example.org": "42"})
        return [one async for one in match_list_async(book, index, ["ADA@example.org", "x@example.org"])]

    assert asyncio.run(run()) == ["42"]


def test_the_sql_side_finds_by_index(tmp_path):
    """The look-up walks the primary key, not the table."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'plan.db'}")
    from secureacct.stores.sql.base import metadata
    from secureacct.stores.sql.matching import _FIND

    metadata.create_all(engine)
    with engine.connect() as connection:
        asked = _FIND.params(tokens=[b"x"])
        text = str(asked.compile(engine, compile_kwargs={"render_postcompile": True}))
        plan = connection.exec_driver_sql("explain query plan " + text, (b"x",)).fetchall()
    assert any("SEARCH" in row[-1] for row in plan)
    assert OnSql(engine).kind == "blocking"
    engine.dispose()
