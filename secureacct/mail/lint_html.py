"""What the HTML part of a mail holds: its words, links and pictures, and what has no place in a mail.

Rules of this file: tags and attributes are allowed by name and everything else is a problem; nothing is
judged here but what a mail may be made of.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

TAGS = frozenset(
    "html head title meta body main header footer section p a br hr h1 h2 h3 h4 strong em b i u s small sub"
    " sup ul ol li dl dt dd table caption thead tbody tfoot tr td th div span center blockquote code pre img"
    " style".split()
)
INLINE = frozenset("a strong em b i u s small sub sup span code".split())
ATTRIBUTES = frozenset(
    "href src alt width height style class id lang dir role title charset name content align valign border"
    " bgcolor color cellpadding cellspacing colspan rowspan scope rel target start aria-label"
    " aria-hidden".split()
)
_LOADING_CSS = re.compile(r"url\s*\(|@import|expression\s*\(|image-set\s*\(|\\", re.IGNORECASE)


class MailHtml(HTMLParser):
    """Reads an HTML part.

    ``words`` is what people see, ``links`` holds pairs of address and words, ``pictures`` addresses."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.pictures: list[str] = []
        self._words: list[str] = []
        self._open: list[tuple[str, int]] = []  # links that are open: address, where their words begin
        try:
            self.feed(html)
            self.close()
        except AssertionError:  # how the parser of the standard library says that markup makes no sense
            self.problems.add("active_content")
        while self._open:
            self._end_link()

    @property
    def words(self) -> str:
        """What people see, blocks apart from each other."""
        return "".join(self._words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag and its attributes, each allowed by name."""
        if tag not in TAGS or any(name not in ATTRIBUTES for name, _ in attrs):
            self.problems.add("active_content")
        values = {name: value or "" for name, value in attrs}
        if _LOADING_CSS.search(values.get("style", "")):
            self.problems.add("remote_content")
        if tag not in INLINE:
            self._words.append("\n\n")
        if tag == "a":
            self._open.append((values.get("href", "").strip(), len(self._words)))
        elif "href" in values:
            self.problems.add("active_content")
        if tag == "img":
            self.pictures.append(values.get("src", ""))
            self._words.append(values.get("alt", ""))
        elif "src" in values:
            self.problems.add("active_content")

    def handle_endtag(self, tag: str) -> None:
        """The end of a link, or of a block."""
        if tag == "a" and self._open:
            self._end_link()
        elif tag not in INLINE:
            self._words.append("\n\n")

    def handle_data(self, data: str) -> None:
        """Words; or a style sheet, which must load nothing."""
        if self.lasttag == "style" and self.cdata_elem == "style":
            if _LOADING_CSS.search(data):
                self.problems.add("remote_content")
            return
        self._words.append(data)

    def handle_comment(self, data: str) -> None:
        """Comments that some programs take for content."""
        if "[if" in data or "[endif" in data:
            self.problems.add("active_content")

    def handle_pi(self, data: str) -> None:
        """Processing instructions have no place in a mail."""
        self.problems.add("active_content")

    def unknown_decl(self, data: str) -> None:
        """Nor has CDATA."""
        self.problems.add("active_content")

    def _end_link(self) -> None:
        address, begin = self._open.pop()
        self.links.append((address, "".join(self._words[begin:])))
