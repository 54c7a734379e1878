"""Failed starts wait longer and longer, until one goes well."""

from __future__ import annotations

from edge_runtime.service.backoff import Backoff


def test_each_failed_start_waits_twice_as_long_up_to_half_a_minute(tmp_path):
    assert [Backoff(tmp_path).begin() for _ in range(8)] == [0, 1, 2, 4, 8, 16, 30, 30]


def test_a_start_that_went_well_is_no_reason_to_wait(tmp_path):
    Backoff(tmp_path).begin()
    Backoff(tmp_path).begin()
    Backoff(tmp_path).settled()
    assert Backoff(tmp_path).begin() == 0


def test_a_count_that_cannot_be_read_or_kept_does_not_stop_the_start(tmp_path):
    (tmp_path / "failed_starts").write_text("half a file")
    assert Backoff(tmp_path).begin() == 0
    assert Backoff(tmp_path / "not there").begin() == 0
