"""The fast path: four functions closed over the keys of one field and one kind of row id.

Rules of this file: no lock, no attribute lookup and no allocation that the result does not need;
every failure leaves through one place per function, outside any ``except`` block and with the
locals emptied, so that neither a traceback with locals nor a chained exception holds a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import urandom
from time import monotonic
from typing import Any, Literal, NamedTuple

from cryptography.exceptions import InvalidTag

from secureacct.errors import SecureAcctError
from secureacct.fields import large, padding
from secureacct.fields.envelope import COBBLESTONE, OVERHEAD_BYTES, SHORTEST_BYTES
from secureacct.fields.errors import (
    FieldError,
    InvalidValue,
    MalformedCiphertext,
    SystemicDecryptError,
    TamperedCiphertext,
    ValueTooLarge,
)
from secureacct.fields.state import FieldState
from secureacct.fields.values import ROW_ENCODERS, ROW_TYPES, ValueType, row_kind

COPIED_BYTES = 8192  # up to here a copy is cheaper than a view
READS_PER_LOOK = 64  # values read between two looks at the clock, each of which would cost 5 %
LARGE_BYTES = 1 << 16  # padded payloads above 64 KiB may go to the chunked suite
SYSTEMIC_LEAST = 8  # values: fewer failures than this say nothing about the whole batch

_UNFIT = (TypeError, ValueError, AttributeError, OverflowError, RecursionError, InvalidTag)

OnError = Literal["raise", "collect"]


class Codec(NamedTuple):
    """One field, one kind of row id."""

    encrypt: Callable[..., Any]
    decrypt: Callable[..., Any]
    encrypt_many: Callable[..., list[Any]]
    decrypt_many: Callable[..., list[Any]]


@dataclass(frozen=True, slots=True)
class Options:
    """What shapes the ciphertext of a field. Sizes in bytes."""

    floor: int
    fixed: int | None
    max_value: int
    encrypt_null: bool
    use_large: bool


def build(  # noqa: C901 - four closures that share their cells; apart they would cost a call each
    state: FieldState,
    values: ValueType[Any],
    kind: str,
    options: Options,
    other_kind: Callable[[str], Codec | None],
) -> Codec:
    """The four functions.

    :param other_kind: the codec for another kind of row id, or None where the field has just one.
    """
    encode, decode = values.encode, values.decode
    row_aad = ROW_ENCODERS[kind]
    expected = ROW_TYPES[kind]
    floor, fixed, longest = options.floor, options.fixed, options.max_value
    pads = padding.suffixes(floor, fixed, longest)
    keeps_null = not options.encrypt_null
    most = OVERHEAD_BYTES + padding.padded_length(longest, floor=floor, fixed=fixed)
    most += large.EXTRA_BYTES if options.use_large else 0
    short = min(COPIED_BYTES, most)
    kept_opener = state.openers.get
    mark = padding.MARK
    beat = iter(range(0)).__next__

    def encrypt(value: Any, *, row: Any) -> Any:
        if value is None and keeps_null:
            return None
        payload: bytes | None = None
        problem: Exception | None = None
        try:
            try:
                head, seal, tick, _ = state.segment
                tick()
                if monotonic() > state.deadline:
                    state.look()
                    head, seal = state.roll()
            except StopIteration:  # none yet, used up, or the keys changed
                head, seal = state.roll()
            payload = encode(value)
            try:
                payload += pads[len(payload)]
            except IndexError:
                pass
            else:
                nonce = urandom(12)
                return head + nonce + seal(nonce, payload, row_aad(row))
            return encrypt_long(payload, row_aad(row), head, seal)
        except SecureAcctError as error:
            problem = error
        except _UNFIT:
            pass
        outcome = problem if problem is not None else encrypt_unfit(value, row)
        value = payload = None
        if isinstance(outcome, Exception):
            raise outcome.with_traceback(None)
        return outcome

    def encrypt_long(payload: bytes, aad: bytes, head: bytes, seal: Any) -> bytes:
        if len(payload) > longest:
            payload = b""
            raise ValueTooLarge(f"longer than the {longest} bytes that this field allows")
        payload += padding.suffix(len(payload), floor=floor, fixed=fixed)
        if options.use_large and len(payload) > LARGE_BYTES:
            return large.seal(state.large_key(None), payload, aad)
        nonce = urandom(12)
        sealed: bytes = head + nonce + seal(nonce, payload, aad)
        return sealed

    def encrypt_unfit(value: Any, row: Any) -> Any:
        codec = codec_of(row)
        if isinstance(codec, FieldError):
            return codec
        if codec is not None:
            try:
                return codec.encrypt(value, row=row)
            except SecureAcctError as error:
                return error
        return InvalidValue(f"not a {values.name} that can be stored, or not a {kind} row id that can")

    def decrypt(blob: Any, *, row: Any) -> Any:
        nonlocal beat
        if blob is None:
            return None
        problem: Exception | None = None
        plain: Any = None
        try:
            try:
                beat()
            except StopIteration:  # time to ask the clock again
                state.look_if_due()
                beat = iter(range(READS_PER_LOOK)).__next__
            if len(blob) > short:
                return decrypt_long(blob, row_aad(row))
            aad = row_aad(row)
            opener = kept_opener(blob[:45]) or state.opener(blob, aad)
            plain, found, _ = opener(blob[45:57], blob[57:], aad).rpartition(mark)
            if found:
                return decode(plain)
            problem = MalformedCiphertext("authentic, but not padded")
        except SecureAcctError as error:
            problem = error
        except InvalidTag:
            problem = (
                TamperedCiphertext("not authentic: altered, or the value of another row")
                if len(blob) >= SHORTEST_BYTES
                else MalformedCiphertext("too short to be an encrypted value")
            )
        except _UNFIT:
            if plain is not None:
                problem = MalformedCiphertext(f"authentic, but not a {values.name}")
        outcome = problem if problem is not None else decrypt_unfit(blob, row)
        plain = None
        if isinstance(outcome, Exception):
            raise outcome.with_traceback(None)
        return outcome

    def decrypt_long(blob: Any, aad: bytes) -> Any:
        if len(blob) > most:
            raise ValueTooLarge(f"longer than the {longest} bytes that this field allows")
        if blob[0] == COBBLESTONE:
            padded = large.open_sealed(state.large_key(blob), blob, aad)
        else:
            opener = kept_opener(blob[:45]) or state.opener(blob, aad)
            padded = opener(blob[45:57], memoryview(blob)[57:], aad)
        end = padded.rfind(mark)
        malformed = end < 0
        if not malformed:
            try:
                view = memoryview(padded)[:end]
                return str(view, "utf-8") if decode is bytes.decode else decode(bytes(view))
            except ValueError:
                malformed = True
        padded = b""
        raise MalformedCiphertext(f"authentic, but not a {values.name}")

    def decrypt_unfit(blob: Any, row: Any) -> Any:
        if not isinstance(blob, bytes | bytearray | memoryview):
            return MalformedCiphertext(f"an encrypted value is bytes, not {type(blob).__name__}")
        codec = codec_of(row)
        if isinstance(codec, FieldError):
            return codec
        if codec is None and isinstance(blob, bytes):
            if len(blob) < SHORTEST_BYTES:
                return MalformedCiphertext("too short to be an encrypted value")
            return InvalidValue(f"not a {kind} row id that can be stored")
        try:
            return (decrypt if codec is None else codec.decrypt)(bytes(blob), row=row)
        except SecureAcctError as error:
            return error

    def codec_of(row: Any) -> Codec | FieldError | None:
        try:
            found = row_kind(row)
        except InvalidValue as error:
            return error.with_traceback(None)
        if found == kind:
            return None
        return other_kind(found) or InvalidValue(f"this field takes {kind} row ids, not {found}")

    def batch_codec(first: Any) -> Codec | None:
        """The codec for a batch whose first row is of another kind; single strays go one by one."""
        if type(first) is expected:
            return None
        found = codec_of(first)
        return found if isinstance(found, Codec) else None

    def encrypt_many(values_: Iterable[Any], *, rows: Iterable[Any]) -> list[Any]:
        given, ids = list(values_), list(rows)
        if len(given) != len(ids):
            values_ = given = []
            raise InvalidValue("there must be as many rows as values")
        if not given:
            return []
        other = batch_codec(ids[0])
        if other is not None:
            values_, passed, given = (), given, []
            return other.encrypt_many(passed, rows=ids)
        out: list[Any] = []
        add = out.append
        payload: bytes | None = None
        problem: Exception | None = None
        try:
            head, seal = state.spend(len(given))
            fresh = urandom(12 * len(given))  # one system call; nothing of it outlives this call
            at = 0
            for value, row in zip(given, ids, strict=True):
                if value is None and keeps_null:
                    add(None)
                    continue
                payload = encode(value)
                try:
                    payload += pads[len(payload)]
                except IndexError:
                    pass
                else:
                    nonce = fresh[at : at + 12]
                    at += 12
                    add(head + nonce + seal(nonce, payload, row_aad(row)))
                    continue
                add(encrypt_long(payload, row_aad(row), head, seal))
            return out
        except SecureAcctError as error:
            problem = error
        except _UNFIT:
            pass
        value = payload = None
        values_ = ()
        if problem is None:
            try:
                return [encrypt(value, row=row) for value, row in zip(given, ids, strict=True)]
            except SecureAcctError as error:
                problem = error
        given = []
        raise problem.with_traceback(None)

    def decrypt_many(blobs: Iterable[Any], *, rows: Iterable[Any], on_error: OnError = "raise") -> list[Any]:
        given, ids = list(blobs), list(rows)
        if len(given) != len(ids):
            raise InvalidValue("there must be as many rows as values")
        other = batch_codec(ids[0]) if ids else None
        if other is not None:
            return other.decrypt_many(given, rows=ids, on_error=on_error)
        out: list[Any] = []
        add = out.append
        plain: bytes | None = None
        failed = False
        try:
            state.look_if_due()
            for blob, row in zip(given, ids, strict=True):
                if blob is None or len(blob) > short:
                    add(decrypt(blob, row=row))
                    continue
                aad = row_aad(row)
                opener = kept_opener(blob[:45]) or state.opener(blob, aad)
                plain, found, _ = opener(blob[45:57], blob[57:], aad).rpartition(mark)
                if not found:
                    failed = True
                    break
                add(decode(plain))
        except (SecureAcctError, *_UNFIT):
            failed = True
        plain = None
        if not failed:
            return out
        return decrypt_rest(out, given, ids, on_error)

    def decrypt_rest(out: list[Any], given: list[Any], ids: list[Any], on_error: OnError) -> list[Any]:
        problem: Exception | None = None
        failures = 0
        for position in range(len(out), len(given)):
            try:
                out.append(decrypt(given[position], row=ids[position]))
            except FieldError as error:
                failures += 1
                problem = error.with_traceback(None)
                if on_error == "raise":
                    break
                out.append(problem)
        if problem is None:
            return out
        if on_error == "collect" and not (failures >= SYSTEMIC_LEAST and 2 * failures > len(given)):
            return out
        out.clear()
        if on_error == "collect":
            raise SystemicDecryptError(
                f"{failures} of {len(given)} values cannot be read, the last because: {problem}"
            )
        raise problem

    return Codec(encrypt, decrypt, encrypt_many, decrypt_many)
