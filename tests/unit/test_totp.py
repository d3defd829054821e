"""TOTP: the published answers, and what a thief with an old code gets."""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from secureacct.errors import ConfigurationError, InvalidInput, MissingExtra
from secureacct.totp import Algorithm, Totp, UnusableSecret, WeakSecret

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "totp.json").read_text())
NOW = 1_700_000_000
STEP = NOW // 30


@pytest.fixture
def totp() -> Totp:
    """An authenticator whose secret is always the same."""
    return Totp.new(issuer="Example", account="ada@example.org", random_bytes=bytes(range(20)))


def vector_totp(secret: str, algorithm: Algorithm, digits: int) -> Totp:
    """The authenticator of a vector."""
    text = base64.b32encode(bytes.fromhex(secret)).decode()
    return Totp.from_secret(text, issuer="x", account="y", algorithm=algorithm, digits=digits)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda c: f"{c['algorithm']}-{c['digits']}-{c['at']}")
def test_known_answers(case: dict[str, str | int]) -> None:
    """The published secrets give the published codes, and match at their step."""
    totp = vector_totp(str(case["secret"]), case["algorithm"], int(case["digits"]))  # type: ignore[arg-type]
    at = int(case["at"])
    assert totp.code(at=at) == case["code"]
    assert totp.match(str(case["code"]), now=at, last_step=None) == at // 30


def test_a_code_works_once(totp: Totp) -> None:
    """The same code again is refused, in its own step and in the next."""
    code = totp.code(at=NOW)
    step = totp.match(code, now=NOW, last_step=None)
    assert step == STEP
    assert totp.match(code, now=NOW, last_step=step) is None
    assert totp.match(code, now=NOW + 30, last_step=step) is None


def test_steps_only_go_forwards(totp: Totp) -> None:
    """After the next step's code was used, the current one is refused, and stays so if a clock goes back."""
    ahead = totp.match(totp.code(at=NOW + 30), now=NOW, last_step=None)
    assert ahead == STEP + 1
    assert totp.match(totp.code(at=NOW), now=NOW, last_step=ahead) is None
    assert totp.match(totp.code(at=NOW - 30), now=NOW - 30, last_step=ahead) is None
    assert totp.match(totp.code(at=NOW + 60), now=NOW + 60, last_step=ahead) == STEP + 2


@pytest.mark.parametrize(("offset", "drift"), [(-2, None), (-1, -1), (0, 0), (1, 1), (2, None)])
def test_one_step_either_way_and_its_drift(totp: Totp, offset: int, drift: int | None) -> None:
    """A code of the step before, this one or the next is right, and says how far the clock is off."""
    found = totp.find(totp.code(at=NOW + 30 * offset), now=NOW, last_step=None)
    assert (None if found is None else found.drift_steps) == drift
    assert found is None or found.step == STEP + offset


def test_the_strict_window_takes_the_current_step_only() -> None:
    """With a window of 0 the steps beside the current one are refused."""
    totp = Totp.new("Example", "ada", random_bytes=bytes(range(20)), window=0)
    assert totp.match(totp.code(at=NOW), now=NOW, last_step=None) == STEP
    assert totp.match(totp.code(at=NOW - 30), now=NOW, last_step=None) is None
    assert totp.match(totp.code(at=NOW + 30), now=NOW, last_step=None) is None


def test_spaces_do_not_matter(totp: Totp) -> None:
    """People type the gap that apps show."""
    code = totp.code(at=NOW)
    for typed in (f"{code[:3]} {code[3:]}", f"  {code} ", "\u00a0".join(code), f"{code}\t"):
        assert totp.match(typed, now=NOW, last_step=None) == STEP


def test_only_ascii_digits_are_digits(totp: Totp) -> None:
    """Digits of other scripts are refused, although their value is the same."""
    code = totp.code(at=NOW)
    for zero in ("\uff10", "\u0660", "\u0966", "\U0001d7ce"):
        typed = "".join(chr(ord(zero) + int(digit)) for digit in code)
        assert totp.match(typed, now=NOW, last_step=None) is None


def test_what_is_no_code_is_refused(totp: Totp) -> None:
    """Too few, too many, letters, signs, line breaks and NUL are no code."""
    code = totp.code(at=NOW)
    for typed in (
        "",
        " ",
        code[:5],
        code + "0",
        "0" + code,
        "+" + code[1:],
        code + "\n",
        code + "\x00",
        "a" * 6,
    ):
        assert totp.match(typed, now=NOW, last_step=None) is None
    assert totp.match(" " * 10_000_000 + code, now=NOW, last_step=None) is None
    assert totp.match("²²²²²²", now=NOW, last_step=None) is None


@pytest.mark.parametrize("now", [-1, -1e300, float("nan"), float("inf"), 253_402_300_800])
def test_a_moment_that_is_none_opens_nothing(totp: Totp, now: float) -> None:
    """A clock that went mad fails closed."""
    assert totp.match("000000", now=now, last_step=None) is None
    with pytest.raises(InvalidInput):
        totp.code(at=now)


def test_the_first_step_of_time_works(totp: Totp) -> None:
    """At the epoch there is no step before, and the current one still matches."""
    assert totp.match(totp.code(at=0), now=0, last_step=None) == 0


def test_a_new_secret_has_160_bits() -> None:
    """20 bytes from the operating system, another each time."""
    one, two = Totp.new("Example", "ada"), Totp.new("Example", "ada")
    assert len(base64.b32decode(one.secret)) == 20
    assert one.secret != two.secret
    with pytest.raises(ConfigurationError):
        Totp.new("Example", "ada", random_bytes=bytes(15))


def test_the_uri_is_what_apps_expect(totp: Totp) -> None:
    """Type, label, secret and issuer are there, and defaults are left out."""
    parts = urlsplit(totp.uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/Example:ada@example.org"
    assert parse_qs(parts.query) == {"secret": [totp.secret], "issuer": ["Example"]}


def test_unusual_parameters_are_in_the_uri() -> None:
    """What differs from the default is told to the app."""
    totp = Totp.from_secret("A" * 32, issuer="x", account="y", algorithm="SHA256", digits=8, period_s=60)
    query = parse_qs(urlsplit(totp.uri).query)
    assert (query["algorithm"], query["digits"], query["period"]) == (["SHA256"], ["8"], ["60"])


def test_the_secret_can_be_read_by_people(totp: Totp) -> None:
    """Groups of four, and what was typed with spaces, dashes and in lower case is read again."""
    assert re.fullmatch(r"([A-Z2-7]{4} ){7}[A-Z2-7]{4}", totp.grouped_secret)
    for typed in (
        totp.grouped_secret,
        totp.secret.lower(),
        totp.grouped_secret.replace(" ", "-"),
        totp.secret + "=",
    ):
        again = Totp.from_secret(typed, issuer="x", account="y")
        assert again.code(at=NOW) == totp.code(at=NOW)


def test_old_short_secrets_get_a_clear_error() -> None:
    """80 bits, as older sites handed out, are too few, and the error says what to do."""
    with pytest.raises(WeakSecret, match="enrolled"):
        Totp.from_secret("JBSWY3DPEHPK3PXP", issuer="x", account="y")


@pytest.mark.parametrize(
    "secret", ["", "1" * 32, "é" * 32, "A" * 33, "A" * 35, "A" * 38, "\x00" * 32, "A" * 31 + "\n"]
)
def test_an_unreadable_secret_is_refused(secret: str) -> None:
    """What is not base32 is refused and not repeated."""
    with pytest.raises(UnusableSecret) as caught:
        Totp.from_secret(secret, issuer="x", account="y")
    assert len(secret) < 2 or secret not in str(caught.value)


def test_a_secret_given_past_the_door_is_still_checked() -> None:
    """Built by hand with a bad secret, it fails with our error when used."""
    with pytest.raises(UnusableSecret):
        Totp(secret="not base32!", issuer="x", account="y").code(at=NOW)


@pytest.mark.parametrize("issuer", ["", " ", "a:b", "a\nb", "x" * 255, "\ud800"])
def test_an_issuer_fits_into_a_label(issuer: str) -> None:
    """An issuer that would break the label is refused at once."""
    with pytest.raises(ConfigurationError):
        Totp.new(issuer, "ada")


@pytest.mark.parametrize("account", ["", " ", "a\r\nb", "x" * 255, "\ud800"])
def test_an_account_fits_into_a_label(account: str) -> None:
    """An account label with line breaks, or of nothing, is refused."""
    with pytest.raises(InvalidInput):
        Totp.new("Example", account)


@pytest.mark.parametrize(
    ("digits", "period_s", "window"), [(7, 30, 1), (6, 15, 1), (6, 120, 1), (6, 30, 2), (6, 30, -1)]
)
def test_parameters_have_their_limits(digits: int, period_s: int, window: int) -> None:
    """Digits, period and window outside the standards are refused."""
    with pytest.raises(ConfigurationError):
        Totp.from_secret("A" * 32, issuer="x", account="y", digits=digits, period_s=period_s, window=window)


def test_an_unknown_algorithm_is_refused() -> None:
    """MD5 is no choice."""
    with pytest.raises(ConfigurationError):
        Totp.from_secret("A" * 32, issuer="x", account="y", algorithm="MD5")  # type: ignore[arg-type]


def test_the_secret_and_the_account_are_in_no_repr(totp: Totp) -> None:
    """A repr shows neither the secret nor whose it is."""
    assert totp.secret not in repr(totp)
    assert "ada" not in repr(totp)


def test_the_qr_code_is_an_accessible_svg(totp: Totp) -> None:
    """role=img, a title without the secret, a white ground with its quiet zone, and nothing CSP stops."""
    svg = totp.qr_svg()
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("width") == root.get("height")
    title = root.find("title")
    assert title is not None
    assert title.text == "QR code that adds Example to an authenticator app"
    size = int((root.get("viewBox") or "").split()[2])
    paths = root.findall(".//path")
    assert paths[0].get("fill") == "#fff"
    assert paths[0].get("d") == f"M0 0h{size}v{size}h-{size}z"
    assert (paths[1].get("d") or "").startswith("M4 4.5h7")  # four white modules first
    assert totp.secret not in svg
    assert not re.search(r"style|script|href|on\w+=|url\(", svg.replace(title.text, ""))


def test_the_qr_code_holds_the_uri(totp: Totp) -> None:
    """Another URI draws another picture: the title alone does not make the difference."""
    other = Totp.new(issuer="Example", account="ada@example.org", random_bytes=bytes(20))
    assert totp.qr_svg(title="same") != other.qr_svg(title="same")


def test_a_title_is_escaped_and_never_the_secret(totp: Totp) -> None:
    """A translated title cannot break out of the element, and one with the secret is refused."""
    svg = totp.qr_svg(title='</title><script>alert("1")</script>')
    assert "<script" not in svg
    ET.fromstring(svg)
    for title in (totp.secret, totp.grouped_secret, f"Key: {totp.secret.lower()}!"):
        with pytest.raises(ConfigurationError):
            totp.qr_svg(title=title)


def test_the_longest_labels_still_fit_a_qr_code() -> None:
    """Labels of 254 characters beyond ASCII make a code that can be drawn."""
    assert Totp.new("ü" * 100, "ö" * 100).qr_svg().startswith("<svg ")


def test_without_the_extra_the_error_says_how(totp: Totp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing segno names the command that installs it."""
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(MissingExtra, match=r"pip install 'secureacct\[qr\]'"):
        totp.qr_svg()
