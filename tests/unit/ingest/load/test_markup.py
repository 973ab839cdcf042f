"""HTML whose tags nest too deep for a tree: how that is known, and what is read of it."""

import random

import pytest
from selectolax.lexbor import LexborHTMLParser

from parrot_async.ingest.load import markup
from parrot_async.ingest.load.markup import DEEPEST, flat_text, flat_title, is_deep
from parrot_async.ingest.load.texts import clean, from_html

NAMES = (
    "div p span b i a font nobr li ul dl dt dd table tr td th tbody caption svg math title style"
    " script select option button object form h1 pre br input body html template textarea foo path"
    " g foreignObject desc head frameset rt ruby noscript optgroup colgroup col iframe"
).split()


def shape_of_tree(source: str) -> tuple[int, int]:
    """Return how deep a parser's tree is, and how many nodes it has."""
    deepest = count = 0
    pending = [(LexborHTMLParser(source).root, 1)]
    while pending:
        node, depth = pending.pop()
        deepest, count = max(deepest, depth), count + 1
        child = node.child if node else None
        while child is not None:
            pending.append((child, depth + 1))
            child = child.next
    return deepest, count


def some_tag(dice: random.Random) -> str:
    name = dice.choice(NAMES)
    made = (f"<{name}>", f"<{name} id=@>", f"</{name}>", f"<{name}/>", "x")
    return dice.choices(made, (9, 1, 8, 1, 1))[0]


@pytest.mark.parametrize("seed", range(200))
def test_what_counts_as_shallow_makes_a_tree_in_proportion(seed: int) -> None:
    dice = random.Random(seed)
    before = "".join(f"<{dice.choice(NAMES)}>" for _ in range(dice.randint(0, 3)))
    pattern = "".join(some_tag(dice) for _ in range(dice.randint(1, 7)))
    source = before + "".join(pattern.replace("@", str(number)) for number in range(300))

    deepest, nodes = (0, 0) if is_deep(source) else shape_of_tree(source)

    assert deepest < DEEPEST + 40
    assert nodes < 60_000


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 20_000 + "text" + "</div>" * 20_000,
        "".join(f"<p><b id={number}>text" for number in range(2000)),
        "<div " + " ".join(f"a{number}=1" for number in range(9000)) + ">text",
        "".join(f"<body a{number}=1>" for number in range(9000)) + "text",
        "<ul><li>" * 9000 + "text",
        "<span><p></span></p>" * 9000 + "text",
    ],
)
def test_a_page_that_nests_too_deep_is_read_without_a_tree(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selectolax.lexbor.LexborHTMLParser", None)

    assert "text" in from_html(source.encode()).text


@pytest.mark.parametrize(
    "source",
    [
        "<p>one <b>two</b>\n three<p>four",
        "<ul><li>one<li>two</ul><table><tr><td>a</td><td>b</td></tr></table>",
        "<nav>menu<nav>more</nav>x</nav><h2>Head &amp; tail</h2><pre> a\n  b</pre>",
        "<script>if (a<b) '<div>'</script><style>p{}</style><!-- <p>no --><p title='>'>yes</p>",
        "<svg><path d='M 0'/><text>no</text></svg><div>yes</div>a < b &lt;i&gt;",
        "<p>text<a href='x",
    ],
)
def test_flat_text_is_that_of_the_tree(source: str) -> None:
    flat = clean("".join(flat_text(source)))
    text = from_html(source.encode()).text

    assert not is_deep(source)
    assert [line for line in flat.split("\n") if line] == [
        line for line in text.split("\n") if line
    ]


def test_the_title_of_a_deep_page_is_read() -> None:
    page = "<head><title>Deep &amp; dark</title></head>" + "<div>" * 999 + "text"

    assert from_html(page.encode()).title == flat_title(page) == "Deep & dark"


def test_a_number_of_a_character_with_too_many_digits_is_no_error() -> None:
    assert "".join(flat_text("&#" + "9" * 9000 + ";x")) == "\ufffdx"


@pytest.mark.parametrize(
    "piece", ["<!--", "<a ", '<a b=">" ', "</a b='>' ", "<a b='", "</", "<!", "<script>", "&#1"]
)
def test_tags_without_an_end_are_looked_for_once(piece: str) -> None:
    looked = [len(list(markup.tokens(piece * count))) for count in (1000, 4000)]

    assert looked[1] <= 4 * looked[0] + 1
