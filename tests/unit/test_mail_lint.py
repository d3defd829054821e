"""The mail linter: what does not get sent."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct.mail.headers import MailRefused
from secureacct.mail.lint import lint, problems
from secureacct.records.mail import Message

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "mail_sentences.json").read_text())
BASE = "https://shop.example"
GOOD = Message(
    to="ada@example.org",
    subject="News from Shop",
    text=f"Hello from Shop.\n\nSee {BASE}/news, or shop.example/news.\n",
    html=(
        '<!DOCTYPE html><html lang="en"><body><p>Hello from <b>Shop</b>.</p>'
        f'<a href="{BASE}/news">News</a></body></html>'
    ),
    links=(f"{BASE}/news",),
)


def of(message: Message) -> tuple[str, ...]:
    """The problems of a mail from the shop."""
    return problems(message, base_url=BASE, site="Shop")


def with_text(text: str) -> Message:
    """The good mail with another sentence in its text."""
    return replace(GOOD, text=GOOD.text + "\n" + text)


def with_html(html: str) -> Message:
    """The good mail with something more in its HTML."""
    return replace(GOOD, html=GOOD.html.replace("</body>", html + "</body>"))


def test_a_good_mail_passes() -> None:
    """No problem, and ``lint`` returns."""
    assert of(GOOD) == ()
    lint(GOOD, base_url=BASE, site="Shop")
    assert of(replace(GOOD, html="")) == ()


@pytest.mark.parametrize("sentence", VECTORS["asks"])
def test_a_mail_that_asks_for_a_secret_is_refused(sentence: str) -> None:
    """In the text, in the HTML (also across tags), and in the subject."""
    assert "asks_for_password" in of(with_text(sentence))
    assert "asks_for_password" in of(with_html(f"<p>{sentence}</p>"))
    first, _, rest = sentence.partition(" ")
    assert "asks_for_password" in of(with_html(f"<p>{first} <span>{rest}</span></p>"))
    assert "asks_for_password" in of(replace(GOOD, subject=" ".join(sentence.split())))


@pytest.mark.parametrize("sentence", VECTORS["fine"])
def test_a_mail_that_does_not_ask_passes(sentence: str) -> None:
    """Telling that a password changed, or that nobody asks for it, is no request."""
    assert of(with_text(sentence)) == ()
    assert of(with_html(f"<p>{sentence}</p>")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Password: hunter2",
        "password = x",
        'Your password is "x"',
        "Ihr Passwort lautet: x",
        "Recovery code: AB12",
    ],
)
def test_a_mail_that_shows_a_secret_is_refused(text: str) -> None:
    """A line that shows a password or code is found by its shape."""
    assert "holds_password" in of(with_text(text))
    assert "holds_password" in of(with_html(f"<p>{text}</p>"))


def test_a_secret_one_looks_for_is_found_anywhere() -> None:
    """In text, HTML source and subject."""
    secret = "corrèct horse"
    for mail in (with_text(secret), with_html(f"<p title='{secret}'>x</p>"), replace(GOOD, subject=secret)):
        assert problems(mail, base_url=BASE, site="Shop", secrets=[secret]) == ("holds_password",)
        assert of(mail) == ()


FOREIGN = [
    "https://evil.example/",
    "http://shop.example/",
    "https://shop.example.evil.example/",
    "https://shop.example@evil.example/",
    "https://shop.example:8443/",
    "https://SHOP.example/",
    "https://shop.example\\.evil.example",
    "//evil.example/x",
    "ftp://evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
]


@pytest.mark.parametrize("link", [*FOREIGN, "www.evil.example", "evil.example/login", "Evil.Example:8080/x"])
def test_a_link_elsewhere_is_refused_in_text(link: str) -> None:
    """Whatever a mail program would make a link of leads to our own host."""
    assert of(with_text(f"Look: {link}.")) == ("foreign_link",)
    assert of(with_html(f"<p>{link}</p>")) == ("foreign_link",)


@pytest.mark.parametrize(
    "link", [*FOREIGN, "", "/news", "news", "mailto:eve@evil.example", "tel:1", "#", " \n"]
)
def test_a_link_elsewhere_is_refused_in_html(link: str) -> None:
    """Every address of a link is a full one on our own host."""
    assert of(with_html(f'<a href="{link}">x</a>')) == ("foreign_link",)
    assert of(replace(GOOD, links=(link,))) == ("foreign_link",)


def test_declared_places_may_be_linked_to() -> None:
    """A mailing may link to an origin that was declared for it, and to no other."""
    mail = with_html('<a href="https://partner.example/x">Partner</a>')
    assert problems(mail, base_url=BASE, site="Shop", elsewhere=["https://partner.example"]) == ()
    assert problems(mail, base_url=BASE, site="Shop", elsewhere=["https://other.example"]) == (
        "foreign_link",
    )


def test_words_that_name_one_host_and_lead_to_another_are_refused() -> None:
    """Even between two hosts that are both allowed."""
    mail = with_html(f'<p><a href="https://partner.example/x">{BASE}/news</a></p>')
    assert problems(mail, base_url=BASE, site="Shop", elsewhere=["https://partner.example"]) == (
        "hidden_target",
    )
    assert of(with_html(f'<p><a href="{BASE}/a/b?c=1">{BASE}/a</a></p>')) == ()


@pytest.mark.parametrize(
    "html",
    [
        "<form action='https://shop.example/x'><p>x</p></form>",
        "<input name='x'>",
        "<script>x</script>",
        "<iframe></iframe>",
        "<object></object>",
        "<embed>",
        "<svg></svg>",
        "<video></video>",
        "<link rel='stylesheet'>",
        "<base>",
        "<meta http-equiv='refresh'>",
        "<p onclick='x'>x</p>",
        "<p background='x'>x</p>",
        "<p href='x'>x</p>",
        "<p src='x'>x</p>",
        "<!--[if mso]>x<![endif]-->",
        "<?php x ?>",
        "<![CDATA[x]]>",
    ],
)
def test_nothing_in_a_mail_acts(html: str) -> None:
    """Forms, scripts, frames and everything else that is not plain reading."""
    assert of(with_html(html)) == ("active_content",)


@pytest.mark.parametrize(
    "html",
    [
        "<p style='background: url(https://shop.example/x)'>x</p>",
        "<style>@import 'x';</style>",
        "<style>p { background: URL (x) }</style>",
        "<p style='width: expression(1)'>x</p>",
        "<p style='background: u\\72l(x)'>x</p>",
    ],
)
def test_style_loads_nothing(html: str) -> None:
    """Colours are fine; fetching is not."""
    assert of(with_html(html)) == ("remote_content",)
    assert of(with_html("<style>p { color: #333 }</style><p style='color: #333'>x</p>")) == ()


def test_a_picture_is_declared_or_refused() -> None:
    """Also one on our own host: fetching it tells that the mail was opened."""
    pixel = f"{BASE}/pixel.png?who=42"
    mail = with_html(f"<img src='{pixel}' alt='x'>")
    assert of(mail) == ("undeclared_picture",)
    assert of(with_html("<img>")) == ("undeclared_picture",)
    assert problems(mail, base_url=BASE, site="Shop", pictures=[pixel]) == ()


def test_every_part_names_the_site() -> None:
    """A mail that does not say whose it is could be anybody's."""
    assert of(replace(GOOD, text="Hello.")) == ("no_site_name",)
    assert of(replace(GOOD, html="<p>Hello.</p>")) == ("no_site_name",)
    assert of(replace(GOOD, text="Hello from\nShop.")) == ()


def test_there_is_a_text_part() -> None:
    """Not everybody reads HTML."""
    assert "no_text" in of(replace(GOOD, text=" \n"))


@pytest.mark.parametrize(
    "mail",
    [
        replace(GOOD, subject="a\r\nBcc: eve@evil.example"),
        replace(GOOD, subject=""),
        replace(GOOD, to="ada@example.org\nBcc: eve@evil.example"),
        replace(GOOD, headers=(("X-A", "b\r\nX-B: c"),)),
        replace(GOOD, headers=(("X A", "b"),)),
    ],
)
def test_headers_stay_on_their_lines(mail: Message) -> None:
    """Nothing begins a header of its own."""
    assert of(mail) == ("broken_header",)


def test_a_refusal_tells_the_words_and_never_the_text() -> None:
    """The error lists what is wrong, and repeats nothing of the mail."""
    with pytest.raises(MailRefused) as caught:
        lint(with_text("Send us your password at https://evil.example"), base_url=BASE, site="Shop")
    assert caught.value.problems == ("asks_for_password", "foreign_link")
    assert "evil" not in str(caught.value)
    assert caught.value.code == "mail_refused"


def test_a_huge_mail_costs_nothing() -> None:
    """What is too long is refused before it is read, and the longest that is read is read quickly."""
    assert of(with_text("x" * 200_001)) == ("too_long",)
    for filler in ("send ", "password ", "a.", "//", "<p>", "never ", "we will not to to ", "n'", "www."):
        mail = replace(GOOD, text=("Shop " + filler * 200_000)[:199_000], html="")
        before = time.process_time()
        of(mail)
        assert time.process_time() - before < 5  # seconds; a bound that only runaway matching would pass


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=60))
def test_any_mail_is_judged(text: str, html: str, subject: str) -> None:
    """Linting never raises, whatever the parts hold."""
    found = of(replace(GOOD, text=text, html=html, subject=subject))
    assert all(word.replace("_", "").isalpha() for word in found)


@given(
    st.lists(
        st.sampled_from(
            ["<a href='", "'>", "</a>", "<!--", "-->", "<", ">", "&lt;", "<style>", "<![", "<?", BASE]
        )
    )
)
def test_any_markup_is_judged(pieces: list[str]) -> None:
    """Broken markup is read to its end."""
    of(replace(GOOD, html="".join(pieces)))
