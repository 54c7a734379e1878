"""The live page of a service, which outlives the runs it shows."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from tests.integration.test_service_daemon import Manager, change
from tests.web.conftest import free_port


@pytest.fixture
def service(pipeline, tmp_path):
    """The tiny pipeline as a ready service with its page at `port`."""
    port = free_port()
    manager = Manager(tmp_path, pipeline(f"http: {{bind: {port}}}\n"))
    manager.port = port
    manager.hear("READY=1")
    yield manager
    manager.close()


def look(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/live.json", timeout=10) as answer:
        return json.load(answer)


def test_the_page_goes_on_over_a_reload(service):
    before = look(service.port)
    assert before["ready"]
    assert f"live page: http://127.0.0.1:{service.port}" in service.journal()
    change(service, "confidence: 0.3", "confidence: 0.4")
    assert service.reload() is None
    after = look(service.port)
    assert after["server"] == before["server"]
    assert after["rows"][: len(before["rows"])] == before["rows"]
    assert after["ready"]
    assert service.stop() == 0


def test_a_reload_moves_the_page(service):
    other = free_port()
    change(service, f"bind: {service.port}", f"bind: {other}")
    assert service.reload() is None
    assert look(other)["ready"]
    with pytest.raises(urllib.error.URLError):
        look(service.port)


def test_a_page_that_cannot_be_opened_does_not_hold_a_reload_up(service, tmp_path):
    (tmp_path / "short").write_text("1234")
    change(service, f"bind: {service.port}", f"bind: {service.port}, token_file: short")
    assert service.reload() is None
    assert "there is no live page" in service.journal()
    assert service.stop() == 0
