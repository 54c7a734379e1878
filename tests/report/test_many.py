import io
from xml.etree import ElementTree

from rich.console import Console

from edge_runtime.evaluate.many_summary import many_document, rows_of
from edge_runtime.report.many import many_table, shown_drives
from edge_runtime.report.many_page import FOLDED, many_page
from tests.evaluate.test_many_summary import against, document


def some(count, **changes):
    documents = [document(f"d{n}", latency_ms=20.0 + n, fps=30.0 - n / 9, **changes) for n in range(count)]
    documents.append(document("<bad>", error="bad.mcap: is not an MCAP file"))
    rows = rows_of(documents)
    return documents, rows, many_document(rows, "out", 75.0, kept=2)


def console(terminal=False):
    return Console(file=io.StringIO(), width=100, force_terminal=terminal, color_system=None)


def test_the_table_names_the_worst_and_what_is_wrong_with_them():
    _, rows, told = some(12)
    printed = console()
    printed.print(many_table(told, rows))
    text = printed.file.getvalue()
    assert "13 drives with 1200 frames in 01:15, 2 kept from before, 1 failed, all decisions as on the drives" in text
    lines = [line.split()[0] for line in text.splitlines() if line.strip()]
    assert lines[3:] == ["<bad>", *(f"d{n}" for n in range(11, 2, -1))]


def test_without_a_terminal_each_drive_is_a_line():
    documents, _, _ = some(2)
    plain = console()
    with shown_drives(plain, 3) as told:
        told(documents[0], True)
        told(documents[1], False)
        told(documents[2], False)
    assert plain.file.getvalue().splitlines() == [
        "1/3 d0: 100 frames, kept from before",
        "2/3 d1: 100 frames in 2.0 s, 50 fps",
        "3/3 <bad>: failed: bad.mcap: is not an MCAP file",
    ]


def test_on_a_terminal_a_bar_counts_and_only_failures_are_lines():
    documents, _, _ = some(2)
    terminal = console(terminal=True)
    with shown_drives(terminal, 3) as told:
        for each in documents:
            told(each, False)
    text = terminal.file.getvalue()
    assert "<bad>: failed" in text
    assert "d1: 100 frames" not in text
    assert "3/3" in text


def test_the_page_is_well_formed_and_asks_the_network_for_nothing():
    _, rows, told = some(12, against=against(3, ["3 of 100 boxes lost"]))
    page = many_page(told, rows, {"demo": {"name": "<demo>"}})
    body = page.partition("<body>")[2].partition("</body>")[0]
    root = ElementTree.fromstring(f"<body>{body}</body>")
    assert len(root.findall(".//section/h2")) == 4
    assert {svg.attrib["aria-label"] for svg in root.findall(".//svg[@role]")} == {
        "latency p95 over frames a second",
        "lost over new, in % of the golden's objects",
    }
    rows_shown = root.findall(".//tr/th[@title]")
    assert len(rows_shown) == 10 + 13
    assert "http" not in body
    assert "<bad>" not in page


def test_many_rows_are_folded_away_and_a_warning_of_many_drives_stands_once():
    _, rows, told = some(FOLDED, warnings=["cut off"])
    page = many_page(told, rows, {})
    assert page.count("cut off (d0, d1, d2 and 37 more)") == 1
    assert "<summary>all 41 drives</summary>" in page
