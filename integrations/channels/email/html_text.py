"""HTML of a mail: made harmless for showing, and read as plain text."""

import re
from html import escape, unescape
from html.parser import HTMLParser

import nh3

from integrations.channels.email.charsets import clean

MAX_HTML = 1_500_000  # characters; mail beyond it is shown as text
_DEEPEST = 1_000  # elements within each other; parsers take quadratic time beyond, and no program writes them
_TAGS = frozenset(
    "a abbr address article b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn div dl dt em "
    "figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q rp rt ruby s samp section small span "
    "strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr".split()
)
_ATTRIBUTES = {
    "*": {"align", "dir", "lang", "style", "title", "valign"},
    "a": {"href"},
    "bdo": {"dir"},
    "col": {"span", "width"},
    "font": {"color", "face", "size"},
    "img": {"alt", "data-src", "height", "src", "width"},
    "ol": {"start", "type"},
    "table": {"bgcolor", "border", "cellpadding", "cellspacing", "width"},
    "td": {"bgcolor", "colspan", "height", "rowspan", "width"},
    "th": {"bgcolor", "colspan", "height", "rowspan", "scope", "width"},
    "tr": {"bgcolor", "height"},
}
# No property here can load anything, leave the frame's flow or hide text.
_STYLES = frozenset(
    "background-color border border-bottom border-collapse border-color border-left border-radius border-right border-spacing border-style "
    "border-top border-width color direction font font-family font-size font-style font-weight height letter-spacing line-height "
    "margin margin-bottom margin-left margin-right margin-top max-width min-width padding padding-bottom padding-left padding-right "
    "padding-top text-align text-decoration text-indent text-transform vertical-align white-space width word-break word-wrap".split()
)
_SILENT = frozenset("script style title template noscript iframe object svg math textarea select".split())
_IMAGE_DATA = re.compile(r"data:image/(?:png|gif|jpeg|jpg|webp);base64,[A-Za-z0-9+/=\s]+\Z", re.IGNORECASE)
_REMOTE_IMAGE = re.compile(r"(<img\b[^<>]{0,4000}?\s)src(\s*=\s*[\"']?\s*(?:https?:)?//)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
_ANY_TAG = re.compile(r"<[^<>]{0,5000}>")
_CLOSED_BY_THEMSELVES = frozenset("area base br col embed hr img input li link meta option p source td th tr track wbr".split())
_UNSAFE_STYLE = re.compile(r"url\s*\(|image\s*\(|image-set|expression|@import|\\", re.IGNORECASE)


def _keep(tag: str, attribute: str, value: str) -> str | None:
    """The value that an attribute keeps, or ``None``: nothing is loaded by itself."""
    written = value.strip()
    if attribute == "style":
        return None if _UNSAFE_STYLE.search(value) else value
    if attribute == "href":
        return value if not written.lower().startswith(("data:", "cid:")) else None
    if attribute == "src":
        return value if written.lower().startswith("cid:") or _IMAGE_DATA.match(written) else None
    if attribute == "data-src":
        if written.startswith("//"):
            return "https:" + written
        return written if written.lower().startswith(("http://", "https://")) else None
    return value


_cleaner = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_SILENT,
    attributes=_ATTRIBUTES,
    attribute_filter=_keep,
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
    url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
    filter_style_properties=_STYLES,
    url_relative="deny",
)


def is_bearable(html: str) -> bool:
    """Whether the HTML can be worked on in reasonable time; otherwise only ``to_text`` may be asked."""
    if len(html) > MAX_HTML:
        return False
    depth = 0
    for tag in _TAG.finditer(html):
        if tag[2].lower() not in _CLOSED_BY_THEMSELVES:
            depth += -1 if tag[1] else 1
            if depth > _DEEPEST:
                return False
    return True


def sanitise(html: str) -> str:
    """HTML that may stand in a sandboxed frame. Remote images wait in ``data-src``; ``cid:`` names a part of the same mail."""
    # Renaming here is a convenience: an address that is missed is dropped below, never loaded.
    waiting = _REMOTE_IMAGE.sub(r"\1data-src\2", clean(html))
    return _cleaner.clean(waiting).strip()


def from_text(text: str) -> str:
    """Plain text as HTML, for mails that mix both."""
    return "".join(f"<p>{escape(block).replace(chr(10), '<br>')}</p>" for block in re.split(r"\n{2,}", text.strip("\n")))


_BLOCKS = frozenset(
    "address article blockquote caption center dd details div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main "
    "ol p pre section summary table tr ul".split()
)
_PARAGRAPHS = frozenset("p ul ol table blockquote h1 h2 h3 h4 h5 h6 dl pre".split())
# The library's parser takes quadratic time on malformed HTML, so it only ever sees what this one has put right.
_skeleton = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_SILENT,
    attributes={"img": {"alt"}},
    link_rel=None,
    url_schemes=set(),
)


class _Reader(HTMLParser):
    """Collects what a person would read, with quoted blocks marked by ``>`` as mail programs do in plain text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.line: list[str] = []
        self.depth = 0  # of quotes
        self.preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.end_line()
        elif tag == "img":
            self.line.append(next((value or "" for name, value in attrs if name == "alt"), ""))
        elif tag in {"td", "th"} and self.text_so_far():
            self.line.append(" ")
        if tag in _BLOCKS:
            self.start_block(tag)
        if tag == "blockquote":
            self.depth += 1
        elif tag == "pre":
            self.preformatted += 1
        elif tag == "li":
            self.line.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.start_block(tag)
            if tag == "blockquote":
                self.depth = max(0, self.depth - 1)
            elif tag == "pre":
                self.preformatted = max(0, self.preformatted - 1)

    def handle_data(self, data: str) -> None:
        if self.preformatted:
            first, *others = data.split("\n")
            self.line.append(first)
            for other in others:
                self.end_line()
                self.line.append(other)
            return
        self.line.append(re.sub(r"[ \t\n\r\f]+", " ", data))

    def text_so_far(self) -> str:
        return "".join(self.line).strip()

    def start_block(self, tag: str) -> None:
        if self.text_so_far():
            self.end_line()
        self.line = []
        if tag in _PARAGRAPHS and self.lines and self.lines[-1].strip("> "):
            self.lines.append(self.margin().rstrip())

    def end_line(self) -> None:
        written = "".join(self.line)
        written = written.rstrip() if self.preformatted else re.sub(r" {2,}", " ", written).strip(" ")
        self.lines.append((self.margin() + written).rstrip())
        self.line = []

    def margin(self) -> str:
        return "> " * min(self.depth, 9)


def to_text(html: str) -> str:
    """The mail as plain text."""
    if not is_bearable(html):
        return " ".join(unescape(_ANY_TAG.sub(" ", clean(html)[:MAX_HTML])).split())
    reader = _Reader()
    reader.feed(_skeleton.clean(clean(html)))
    reader.close()
    if reader.text_so_far():
        reader.end_line()
    while reader.lines and not reader.lines[-1].strip("> "):
        reader.lines.pop()
    text = "\n".join(reader.lines).replace("\u00a0", " ").replace("\u200b", "").replace("\ufeff", "")
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")
