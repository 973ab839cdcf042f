"""Reports for people: what they say, and that nobody's text can say it for them."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from parrot_async.errors import ErrorInfo
from parrot_async.model.events import Completed, Event, Logged, Spent
from parrot_async.model.models import JobResult, JobSpec, JobStatus, LogLine, Usage
from parrot_async.model.progress import status_report
from parrot_async.model.tree import JobTree, fold
from parrot_async.report import html, markdown, text
from parrot_async.report.terminal import render
from parrot_async.report.timeline import Timeline
from parrot_async.report.wording import (
    fenced,
    line,
    markdown_line,
)
from tests.unit.stories import (
    LOST,
    PLAN,
    attempt_failed,
    completed,
    failed,
    family,
    progressed,
    requeued,
    started,
    submitted,
    waiting,
)

NOW = datetime.fromtimestamp(100, UTC)
"""Seconds, and how they are worded; the browser's script is held to the same table."""
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "# x\n```",
    "</details></div><script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "**bold** _em_ `code` ~~gone~~",
    "$\\href{javascript:alert(1)}{x}$ \\(x\\) \\[y\\]",
    "a | b\n--|--\n1 | 2",
    '" onmouseover="alert(1)',
    "&lt;b&gt; &#60;i&#62;",
    "1. one\n2. two\n- three\n> four",
    "\x1b[31mred\x1b[0m \x07 \u202eevil",
    "https://evil.example www.evil.example",
    "```\n````\n# out of the fence",
    "trailing \\",
    "---",
    "\\http://evil.example \\a@b",
    "<1@evil.example> a@b@evil.example@",
    "ahttps://evil.example.,www.evil.example HTTPS://evil.example/`x`$y$",
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.text(alphabet="`*_[]()<>#!|~\\$&-+=.1ax:/@w; \n\t", max_size=40),
)
LITERAL = {"text", "code_inline"}
"""Tokens that show what they hold as it is."""
LINK = re.compile(r"[a-z]://\w|www\.\w|@\w", re.IGNORECASE)
"""Where GitHub, GitLab, JupyterLab or VS Code begin a link in text that has none."""


def written_by(words: str) -> JobTree:
    """A tree in which a user wrote the same words wherever there is place for them."""
    error = ErrorInfo("exception", words, words, words)
    spec = JobSpec(title=words, description=words, prompt=words + "!")
    return fold(
        [
            submitted("r", spec=spec),
            started("r"),
            progressed("r", percent=5, step=words),
            submitted("r.0", "r.1", "r.2", spec=spec, titles=[words] * 3),
            started("r.0", "r.1", "r.2"),
            Logged(id="r.0", attempt=1, lines=(LogLine(3, "info", words),)),
            Spent(id="r.0", attempt=1, usage=Usage(5, 5, Decimal("0.5"), words)),
            attempt_failed("r.0", error=error),
            failed("r.0", error=error),
            completed("r.1", preview=words),
            progressed("r.2", percent=5, step=words, done=1, total=2),
        ]
    )


def tokens(tree: JobTree) -> Iterator[Token]:
    """All tokens of the Markdown report, also those within lines."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown(tree)):
        yield token
        yield from token.children or ()


def markup(found: Iterable[Token]) -> list[tuple[str, int]]:
    """All but the words themselves."""
    return [(token.type, token.level) for token in found if token.type not in LITERAL]


@given(TEXTS)
@settings(max_examples=300)
def test_a_line_of_markdown_shows_the_words_as_they_are(words: str) -> None:
    source = f"- x **{markdown_line(words) or 'empty'}**: y"

    (inline,) = [token for token in MarkdownIt("commonmark").parse(source) if token.children]

    shown = [token for token in inline.children or [] if token.content]
    assert "".join(token.content for token in shown) == f"x {line(words) or 'empty'}: y"
    assert {token.type for token in shown} <= LITERAL


@given(TEXTS)
@settings(max_examples=300)
def test_no_renderer_finds_a_link_in_a_line_of_markdown(words: str) -> None:
    source = f"x {markdown_line(words)}"

    (inline,) = [token for token in MarkdownIt("commonmark").parse(source) if token.children]

    shown = [token.content for token in inline.children or [] if token.type == "text"]
    assert not [text for text in shown if LINK.search(text)]


@pytest.mark.parametrize(
    "words",
    [
        "5.0s",
        "-5",
        "[1, 2, [3, 'x']]",
        "{'a_key': -1.5, 'b': None}",
        "int | None",
        "AT&T, a=1&b=2",
        "2 * 3 < 7",
        "a ~ b",
        "issue #3",
        "C:\\Users\\me",
        "docs/report_2.pdf",
        "a @ b",
    ],
)
def test_what_is_no_markup_is_left_as_it_is(words: str) -> None:
    assert markdown_line(words) == words


def test_an_address_is_code_so_that_it_can_be_read_and_is_no_link() -> None:
    assert markdown_line("see https://a.org/b?c=1&d_e.") == "see `https://a.org/b?c=1&d_e`."
    assert markdown_line("WWW.a.org, me@a.org, @me") == "`WWW.a.org`, `me@a.org`, `@me`"
    assert markdown_line("https://a@b@c.org/`x`") == "`https://a@b@c.org/`\\`x\\`"


def test_lists_and_headings_are_not_begun() -> None:
    assert markdown_line("5. s") == "5\\. s"
    assert markdown_line("- x") == "\\- x"
    assert markdown_line("---") == "\\---"


@pytest.mark.parametrize("words", [*HOSTILE, "C #", "x ##"])
def test_a_heading_shows_the_words_as_they_are(words: str) -> None:
    source = f"# Job results: {markdown_line(words)}"

    _, inline, _ = MarkdownIt("commonmark").parse(source)

    shown = "".join(token.content for token in inline.children or [])
    assert shown == f"Job results: {line(words)}"


@given(TEXTS)
@settings(max_examples=200)
def test_no_words_of_a_user_add_anything_to_the_markdown(words: str) -> None:
    harmless = markup(tokens(written_by("harmless")))

    kinds = markup(tokens(written_by("x" + words)))

    assert kinds == harmless


@given(TEXTS)
@settings(max_examples=200)
def test_no_words_get_out_of_a_fence(words: str) -> None:
    source = f"before\n\n{fenced(words)}\n\nafter"

    kinds = [token.type for token in MarkdownIt("commonmark").parse(source)]

    paragraph = ["paragraph_open", "inline", "paragraph_close"]
    assert kinds == [*paragraph, "fence", *paragraph]


class Elements(HTMLParser):
    """The elements and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.words: list[str] = []
        self.depth = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(name for name, _ in attrs)))
        self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        self.shape.append(("/" + tag, ()))
        self.depth -= 1

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@given(TEXTS)
@settings(max_examples=200)
def test_no_words_of_a_user_add_anything_to_the_page(words: str) -> None:
    harmless = Elements(html(written_by("harmless"), now=NOW))

    page = Elements(html(written_by("x" + words), now=NOW))

    assert page.shape == harmless.shape
    assert page.depth == 0


@pytest.mark.parametrize("words", HOSTILE)
def test_a_hostile_title_stays_text_on_the_page(words: str) -> None:
    page = Elements(html(family(1, titles=[words]), now=NOW))

    assert line(words) in page.words


@given(TEXTS)
@settings(max_examples=200)
def test_a_text_report_has_no_control_characters_and_no_lines_of_a_user(words: str) -> None:
    harmless = text(written_by("harmless"), now=NOW)

    report = text(written_by("x" + words), now=NOW)

    assert report.count("\n") == harmless.count("\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", report)


def test_the_markdown_report_says_what_the_seeds_say() -> None:
    usage = Usage(1500, 347, Decimal("0.24"), "claude")
    tree = fold(
        [
            submitted("r", spec=JobSpec(title="Sales analysis", description="Analyze the Q4 data")),
            submitted("r.0", spec=JobSpec(title="Find trends", prompt="Which trends?")),
            waiting("r", at=1),
            started("r.0", at=1),
            Spent(id="r.0", attempt=1, usage=usage),
            completed("r.0", at=62, preview="Sales grow"),
            completed("r", attempt=0, at=63),
        ]
    )

    report = markdown(tree, now=NOW)

    assert report == (
        "# Job results: Sales analysis\n"
        "\n"
        "- **Status**: ✔ completed, 100 %\n"
        "- **Duration**: 1m 02s\n"
        "- **Cost**: \\$0.24 (1,847 tokens)\n"
        "- **Children**: 1 completed\n"
        "- **Job**: r\n"
        "\n"
        "## Original request\n"
        "\n"
        "```text\n"
        "Analyze the Q4 data\n"
        "```\n"
        "\n"
        "## Results\n"
        "\n"
        "- ✔ **Sales analysis**: completed, 1m 02s, 1,847 tokens, \\$0.24, "
        "children: 1 completed\n"
        "  - *Result*: 42\n"
        "  - ✔ **Find trends**: completed, 1m 01s, 1,847 tokens, \\$0.24\n"
        "    - *Prompt*: Which trends?\n"
        "    - *Result*: Sales grow\n"
        "    - *API*: claude (1,847 tokens, \\$0.24)\n"
    )


def test_a_result_that_was_taken_from_an_earlier_job_names_it() -> None:
    taken = Completed(
        ids=("r",), attempts=(0,), at=(9.0,), results=(JobResult(2, "42", source="old.1"),)
    )
    tree = fold([submitted("r").model_copy(update={"origins": ("old.1",)}), taken])

    report = markdown(tree, now=NOW)

    assert "*Result of job*: old.1" in report
    assert "*Runs again*: old.1" in report


def test_errors_come_with_their_traceback_and_lost_attempts() -> None:
    story: list[Event] = [
        started("r.0"),
        attempt_failed("r.0", at=4, error=LOST),
        requeued("r.0"),
        started("r.0", attempt=2, at=7),
        attempt_failed("r.0", attempt=2, at=9),
        failed("r.0"),
    ]
    tree = family(1, *story)

    report = markdown(tree, now=NOW)

    assert "- *Error*: ValueError: broken" in report
    assert "*Attempt 1*: on `tls://127.0.0.1:40001` for 3.0s: lost its worker: its worker" in report
    assert "*Attempt 2*: on `tls://127.0.0.1:40001` for 2.0s: ValueError: broken" in report
    assert "## Errors\n\n### ✘ task\n" in report
    assert "```text\nTraceback: line 3\nValueError: broken\n```" in report


def test_a_report_may_be_about_one_job_of_the_tree() -> None:
    tree = family(2, titles=("first", "second"))

    assert "first" not in markdown(tree, "r.1")
    assert "first" not in html(tree, "r.1")
    assert text(tree, "r.1") == "○ second: queued, 0 %"


def test_ten_thousand_children_are_summed_up_and_failures_are_shown() -> None:
    ids = tuple(f"r.{number}" for number in range(10_000))
    titles = tuple(f"part {number}" for number in range(10_000))
    tree = family(10_000, started(*ids), failed("r.7000"), completed(*ids), titles=titles)

    page, document, lines = html(tree, now=NOW), markdown(tree, now=NOW), text(tree, now=NOW)

    for report in (page, document, lines):
        assert "part 49" in report
        assert "part 50" not in report
        assert "part 7000" in report
        assert "… and 9,949 more: 9,949 completed" in report
    assert len(page) < 50_000


def test_a_deep_tree_is_no_recursion() -> None:
    ids = ["r"]
    for _ in range(5_000):
        ids.append(ids[-1] + ".0")
    tree = fold(submitted(job_id, spec=PLAN) for job_id in ids)

    page = Elements(html(tree, now=NOW))

    assert page.depth == 0
    assert "plan" in markdown(tree, now=NOW)
    assert "plan" in text(tree, now=NOW)
    assert render(tree, now=NOW) is not None
    assert Timeline(tree, "r")._repr_html_()
    assert status_report(tree, now=NOW).children_summary == {JobStatus.QUEUED: 1}
