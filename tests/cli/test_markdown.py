"""The page of a summary: what a reader of Markdown finds in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dpsops.cli.markdown import mermaid, page
from dpsops.cli.summary import Diagram, Few, Listing, Name, Node, Paragraph, Summary, Table
from dpsops.cli.told import Told
from tests.cli.runner import tables

LIMIT = 1 << 20
VISIBLE = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" |`<>&*_:#[]\\~$@!"), min_size=1)
NASTY = "press|07 `x` <b>&amp;</b> ::error:: *a* _b_ [l](http://x) $m$ :tada: @me #1 \\| ~~s~~ \u202eab\x1b[31m\ud800"


def told(*blocks: Table | Paragraph | Diagram | Listing, lead: str = "Done.") -> Told:
    return Told(is_pipeline=True, environment="prod", summaries=[Summary(lead, blocks)])


@given(st.lists(st.tuples(VISIBLE, VISIBLE), min_size=1, max_size=4))
@example([("a|b", "\\|"), ("`", "``")])
@example([("<script>", "&lt;"), ("**b**", "|---|")])
def test_a_table_is_read_back_cell_by_cell(rows: list[tuple[str, str]]) -> None:
    table = Table(("name", "why"), tuple((Name(first), second) for first, second in rows))
    (found,) = tables(page("dpsops", told(table), LIMIT))
    assert found[0] == ["name", "why"]
    assert [[cell.strip() for cell in row] for row in found[1:]] == [[first.strip(), second.strip()] for first, second in rows]


@given(st.lists(st.text(), min_size=1, max_size=4))
@example([NASTY, "a\n\n| b |\r\n::error::x", "", "\n"])
def test_any_text_stays_in_its_cell_and_no_line_begins_with_a_command(texts: list[str]) -> None:
    table = Table(("name",), tuple((each,) for each in texts))
    written = page("::error::", told(Paragraph(texts[0]), table, Listing(texts[0], "\n".join(texts)), lead=texts[0]), LIMIT)
    assert len(tables(written)[-1]) == len(texts) + 1
    assert not [line for line in written.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert all(each.isprintable() for each in written.replace("\n", ""))


def test_line_breaks_stay_and_what_nobody_sees_is_written_out() -> None:
    (found,) = tables(page("dpsops", told(Table(("a",), (("one\ntwo",), ("\u202ex\x1b\t",)))), LIMIT))
    assert found[1:] == [["one\ntwo"], ["\\u202ex\\x1b\\t"]]


@pytest.mark.parametrize("text", ["1. x", "- x", "+ x", "    code", "# x", "> x", "```", "---", "===", "1) x"])
def test_a_sentence_is_never_markup(text: str) -> None:
    from markdown_it import MarkdownIt

    kinds = [token.type for token in MarkdownIt("commonmark").parse(page("dpsops", told(lead=text), LIMIT))]
    assert kinds == ["heading_open", "inline", "heading_close", "paragraph_open", "inline", "paragraph_close"]


@given(st.text())
@example('"] --> evil["x')
@example("```\n# out\nclick n0 href")
def test_a_diagram_has_no_text_but_in_quotation_marks(text: str) -> None:
    lines = list(mermaid(Diagram((Node((text, "b"), is_here=True), Node(("c",), is_wrong=True)), ((0, 1, text),))))
    assert lines[0] == "flowchart LR"
    allowed = (
        r'  (n0\["[^"`\[\]]*"\]|n1\["c"\]|n0 -->(\|"[^"`|]*"\|)? n1|classDef (here|wrong) [a-z0-9#:,]+|class n[01] (here|wrong))'
    )
    assert all(re.fullmatch(allowed, line) for line in lines[1:])
    label = re.fullmatch(r'  n0\["(.*)<br/>b"\]', lines[1])
    assert label is not None
    shown = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label[1])
    assert shown == "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def test_a_page_stays_below_its_limit_and_says_what_is_left_out() -> None:
    few: Few[int] = Few()
    for number in range(1000):
        few.add(number)
    rows = tuple((Name(f"press-{number:03}"), "x" * 50) for number in few.first)
    table = Table(("device", "why"), rows, few.left_out, "dpsops device list")
    for limit in (20_000, 5_000):
        written = page("dpsops device list", told(table, Listing("PEM", "x" * 30_000)), limit)
        assert len(written.encode()) <= limit
        (found,) = tables(written)
        assert f"And {1000 - (len(found) - 1):,} more: dpsops device list" in written
        assert "one part is left out: GitHub shows no more than 1 MiB of a step." in written
    assert page("dpsops", told(table), 100) == ""
    assert page("dpsops", told(table), -1) == ""


def test_a_table_that_has_no_room_at_all_is_a_part_that_is_left_out() -> None:
    written = page("dpsops", told(Table(("a",), (("x" * 5000,),))), 3000)
    assert (tables(written), "one part is left out" in written) == ([], True)


def test_a_table_without_rows_is_not_shown_and_a_folded_one_is_still_a_table() -> None:
    written = page("dpsops", told(Table(("a",), ()), Table(("b",), (("1",),), folded="The plan")), LIMIT)
    assert tables(written) == [[["b"], ["1"]]]
    assert "<details><summary>The plan</summary>\n\n| b |" in written


@pytest.mark.parametrize(
    ("summary", "failure", "mark"),
    [
        (Summary("a"), None, "✅"),
        (Summary("a", warnings=("w",)), None, "⚠️"),
        (Summary("a", errors=("e",), warnings=("w",)), None, "❌"),
        (Summary("a"), ("broken", "mend it"), "❌"),
    ],
)
def test_the_title_says_how_it_ended(summary: Summary, failure: tuple[str, str] | None, mark: str) -> None:
    written = page("dpsops up (prod)", Told(summaries=[summary], failure=failure), LIMIT)
    assert written.startswith(f"## {mark} dpsops up (prod)\n\n")
    assert ("**Error:** broken\n\n**What to do:** mend it\n" in written) == (failure is not None)
