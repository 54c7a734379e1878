import io
from xml.etree import ElementTree

from rich.console import Console

from edge_runtime.evaluate.many_summary import many_document, rows_of
from edge_runtime.report.many import many_annotations, many_junit, many_table, shown_drives
from edge_runtime.report.many_page import FOLDED, many_page
from tests.evaluate.test_many_summary import against, document


def some(count, **changes):
    documents = [document(f"d{n}", latency_ms=20.0 + n, fps=30.0 - n / 9, **changes) for n in range(count)]
    documents.append(document("<bad>", error="bad.mcap: is not an MCAP file"))
    rows = rows_of(documents)
    return documents, rows, many_document(documents, "out", 75.0, kept=2)


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


def test_the_page_is_well_formed_and_asks_the_network_for_nothing(tmp_path):
    _, rows, told = some(12, against=against(3, ["3 of 100 boxes lost"]))
    page = many_page(told, rows, {"demo": {"name": "<demo>"}}, tmp_path)
    body = page.partition("<body>")[2].partition("</body>")[0]
    root = ElementTree.fromstring(f"<body>{body}</body>")
    assert [head.text for head in root.findall(".//section/h2")] == [
        "What is set otherwise", "The worst", "By class", "By height", "Over the drives", "Every drive", "Configuration"
    ]  # fmt: skip
    assert {svg.attrib["aria-label"] for svg in root.findall(".//svg[@role]")} == {
        "latency p95 over frames a second",
        "lost over new, in % of the golden's objects",
    }
    rows_shown = root.findall(".//tr/th[@title]")
    assert len(rows_shown) == 10 + 13
    assert root.find(".//tr[@class='bad why']/td").text == "bad.mcap: is not an MCAP file"
    assert "http" not in body
    assert "<bad>" not in page


def test_a_drive_leads_to_its_own_page_where_there_is_one(tmp_path):
    mine = tmp_path / "out" / "drives" / "d 0" / "changed.html"
    mine.parent.mkdir(parents=True)
    mine.touch()
    documents = [
        document("d 0", against=against(3, ["3 lost"], page=str(mine))),
        document("gone", against=against(3, ["3 lost"], page=str(mine.with_name("gone.html")))),
    ]
    (tmp_path / "pages").mkdir()
    page = many_page(many_document(documents, "out", 1.0, 0), rows_of(documents), {}, tmp_path / "pages")
    assert page.count("<a href") == 1
    assert '<a href="../out/drives/d%200/changed.html">d 0</a>' in page


def test_a_ci_gets_a_test_for_each_drive_and_an_annotation_for_each_that_is_bad():
    documents = [
        document("fine", against=against()),
        document("worse", against=against(3, ["3 of 100 boxes lost, none allowed", "1 new"])),
        document("gone", error="gone.mcap: no such recording\n    record one"),
    ]
    rows = rows_of(documents)
    suite = ElementTree.fromstring(many_junit(many_document(documents, "out", 75.0, 0), rows)).find("testsuite")
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "1", "errors": "1"
    }  # fmt: skip
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["error"]]
    assert suite[1][0].text == "3 of 100 boxes lost, none allowed\n1 new"
    assert many_annotations(rows) == [
        "::error file=worse.mcap,title=replay of worse::3 of 100 lost, 1 new, 0 moved",
        "::error file=gone.mcap,title=replay of gone::gone.mcap: no such recording",
    ]


def test_many_rows_are_folded_away_and_a_warning_of_many_drives_stands_once(tmp_path):
    _, rows, told = some(FOLDED, warnings=["cut off"])
    page = many_page(told, rows, {}, tmp_path)
    assert page.count("cut off (d0, d1, d2 and 37 more)") == 1
    assert "<summary>all 41 drives</summary>" in page
