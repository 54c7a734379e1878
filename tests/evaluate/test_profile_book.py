import json

import pytest

from edge_runtime.errors import RunError
from edge_runtime.evaluate.profile_book import Book

ABOUT = {"pipeline": "abc", "versions": {"numpy": "2"}}


@pytest.fixture
def path(tmp_path):
    with Book(tmp_path / "book.jsonl", ABOUT) as book:
        book.add({"what": "visit", "point": "r0", "round": 0})
        book.add({"what": "visit", "point": "r1", "round": 0})
    return tmp_path / "book.jsonl"


def test_what_was_measured_is_there_again(path):
    with Book(path, ABOUT) as book:
        assert len(book.all(what="visit")) == 2
        assert book.all(point="r1") == [{"what": "visit", "point": "r1", "round": 0}]
        assert "going on with 2 measurements" in book.carried


def test_a_line_that_a_kill_cut_off_is_measured_again_and_the_file_goes_on(path):
    path.write_text(path.read_text()[:-12])
    with Book(path, ABOUT) as book:
        assert [entry["point"] for entry in book.entries] == ["r0"]
        book.add({"what": "visit", "point": "r1", "round": 0})
    assert [json.loads(line) for line in path.read_text().splitlines()][2]["point"] == "r1"


def test_what_changed_is_said_and_nothing_is_carried_over(path):
    with Book(path, {**ABOUT, "pipeline": "other"}) as book:
        assert book.entries == []
        assert book.carried.startswith("pipeline changed since")
        assert book.carried.endswith("measuring anew")


def test_fresh_forgets_without_a_word(path):
    with Book(path, ABOUT, fresh=True) as book:
        assert (book.entries, book.carried) == ([], "")


def test_a_book_that_cannot_be_written_is_told_with_the_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Choose another place with --out"):
        Book(tmp_path / "file" / "book.jsonl", ABOUT)
