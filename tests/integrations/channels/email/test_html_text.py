"""HTML of strangers: harmless, and readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.channels.email.html_text import from_text, sanitise, to_text
from tests.integrations.channels.email.reading import message_of, raw_of


def test_what_is_left_of_a_hostile_mail() -> None:
    assert message_of(raw_of("html_only")).html == (
        "<p>Hola&nbsp;<b>equipo</b>,</p>"
        '<p>Precio: <a href="https://tienda.test/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow">ver</a> '
        '<a target="_blank" rel="noopener noreferrer nofollow">malo</a></p>\n'
        '<ul><li>uno</li><li>dos</li></ul><img data-src="https://espia.test/p.gif?ana" width="1"><img src="cid:logo@x">'
        '<img data-src="https://otra.test/i.png" alt="foto">\n\n'
        '<div>rojo</div><div style="color:blue">azul</div>\n<img alt="svg"><img>'
    )


@pytest.mark.parametrize(
    "html",
    [
        '<a href="data:text/html,<script>alert(1)</script>">x</a>',
        '<a href=" java\tscript:alert(1)">x</a>',
        '<img src="https://espia.test/a.png">',
        '<img alt="a>b" src="https://espia.test/a.png">',
        '<img/src="https://espia.test/a.png">',
        "<img src='//espia.test/a.png'>",
        '<img srcset="https://espia.test/a.png 1x">',
        '<table background="https://espia.test/a.png"><tr><td background="https://espia.test/b.png">x</td></tr></table>',
        '<p style="background-color:url(https://espia.test/a.png)">x</p>',
        '<p style="color:r\\65 d;font-family:u\\72l(https://espia.test/a)">x</p>',
        '<link rel="stylesheet" href="https://espia.test/a.css"><meta http-equiv="refresh" content="0;url=https://espia.test">',
        '<video src="https://espia.test/a"></video><audio src="https://espia.test/a"></audio><embed src="https://espia.test/a">',
        '<base href="https://espia.test/"><a href="x">y</a>',
        '<p onclick="alert(1)" id="x" class="y">x</p>',
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<!--<img src=https://espia.test/a>--><![endif]--><p>x</p>",
    ],
)
def test_nothing_runs_or_loads(html: str) -> None:
    cleaned = sanitise(html)
    assert "script" not in cleaned
    assert "onerror" not in cleaned
    assert "onclick" not in cleaned
    assert ' src="http' not in cleaned
    assert ' src="//' not in cleaned
    assert "url(" not in cleaned
    assert "espia.test" not in cleaned.replace('data-src="https://espia.test/a.png"', "")


@given(st.text(alphabet=st.sampled_from(list("<>/=\"' abimgsrcdt:h-!&;#x0\n"))))
def test_no_markup_breaks_it(html: str) -> None:
    cleaned = sanitise(html)
    assert sanitise(cleaned) == cleaned
    assert ' src="http' not in cleaned
    assert isinstance(to_text(html), str)


def test_quoted_blocks_are_marked_as_in_plain_text() -> None:
    assert to_text("<p>Sí</p><blockquote><p>¿Va?</p><blockquote>antes</blockquote></blockquote>") == "Sí\n\n> ¿Va?\n>\n> > antes"


def test_text_becomes_html_and_stays_text() -> None:
    assert from_text("a < b\nc\n\nd & e") == "<p>a &lt; b<br>c</p><p>d &amp; e</p>"
