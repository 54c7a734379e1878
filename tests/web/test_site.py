"""The live page over real sockets, in front of a real run."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge_runtime.core import SystemClock
from edge_runtime.errors import ConfigError, RunError
from edge_runtime.web import door
from edge_runtime.web.site import Site
from tests.jetson_emulator.machine import until

PATHS = ("/", "/page.css", "/page.js", "/live.json", "/picture.mjpeg", "/metrics", "/healthz", "/readyz")
TOKEN = "a-token-of-enough-letters"


def pictures(stream, count):
    """The next so many pictures of a stream of them."""
    for _ in range(count):
        while not (line := stream.readline()).startswith(b"Content-Length: "):
            assert line, "the stream has ended"
        assert stream.readline() == b"\r\n"
        data = stream.read(int(line.partition(b":")[2]))
        yield cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_ready_is_said_from_the_first_result_to_the_end_of_the_run_and_live_all_along(shown):
    one = shown()
    assert (one.ask("/readyz")[0], one.ask("/healthz")[0]) == (503, 200)
    one.start()
    assert one.ask("/readyz")[::2] == (200, "ready\n")
    one.run.finish()
    assert one.ask("/readyz")[::2] == (503, "the source has ended\n")
    assert one.ask("/healthz")[::2] == (200, "live\n")


def test_a_run_whose_frames_all_fail_is_not_ready(shown, tmp_path):
    from tests.tiny import tiny_detector

    one = shown()
    tiny_detector(tmp_path / "tiny.onnx", nan_above=0.0)
    from edge_runtime.pipeline.pipeline import Pipeline

    one.run = Pipeline(one.loaded).start(out=tmp_path / "failing")
    one.site.show(one.run)
    assert until(lambda: one.run.snapshot().counts.failed > 1)
    status, _, said = one.ask("/readyz")
    assert status == 503
    assert "frames failed" in said


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_no_request_can_change_anything(shown, method):
    one = shown()
    assert {one.ask(path, method)[0] for path in (*PATHS, "/anything")} == {405}


def test_no_request_reads_a_file(shown, tmp_path):
    one = shown()
    (tmp_path / "secret").write_text("the secret")
    ways = ["/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/page.js/../../site.py",
            "//etc/passwd", "/page/page.js", "/page.js%00.css", f"/{tmp_path}/secret", "/live.json/../../secret",
            "/tiny.yaml", "/site.py", "/page.html"]  # fmt: skip
    for way in ways:
        status, _, said = one.ask(way)
        assert status in (400, 404), way
        assert "root:" not in said
        assert "secret" not in said
        assert "import" not in said


def test_what_a_browser_may_do_with_an_answer_is_said_in_every_one(shown):
    one = shown()
    for path in ("/", "/nothing", "/live.json"):
        headers = one.ask(path)[1]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Server"] is None


def test_the_page_asks_for_nothing_from_anywhere_else(shown):
    one = shown()
    for path in ("/", "/page.css", "/page.js"):
        text = one.ask(path)[2].replace("http://www.w3.org/", "")
        assert "://" not in text


def test_a_page_of_a_stranger_cannot_ask_under_a_name_of_its_own(shown):
    one = shown()
    assert one.ask("/live.json", headers={"Host": f"stranger.example:{one.port}"})[0] == 421
    assert one.ask("/live.json", headers={"Host": "localhost:9999"})[0] == 200  # through `ssh -L 9999:…`


def test_with_a_token_only_who_knows_it_sees_anything(shown, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    one = shown(", token_file: token")

    def basic(word):
        return {"Authorization": f"Basic {base64.b64encode(f'me:{word}'.encode()).decode()}"}

    status, headers, _ = one.ask("/")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic")
    assert {one.ask(path)[0] for path in PATHS if path not in door.OPEN_TO_ALL} == {401}
    for wrong in ({"Authorization": "Bearer wrong"}, {"Authorization": "Basic %%%"}, basic("wrong"), basic("")):
        assert one.ask("/metrics", headers=wrong)[0] == 401
    assert one.ask("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200
    assert one.ask("/", headers=basic(TOKEN))[0] == 200
    assert one.ask("/healthz")[0] == 200


def test_a_token_that_is_easily_guessed_is_refused_at_its_place_in_the_file(shown, tmp_path):
    (tmp_path / "token").write_text("1234\n")
    with pytest.raises(ConfigError, match=r"tiny.yaml:\d+:\d+: http.token_file: .* has 4 characters") as refused:
        shown(", token_file: token")
    assert "openssl rand" in str(refused.value)


@pytest.mark.parametrize("address", ["0.0.0.0:8080", "192.168.1.7:8080", "'[::]:8080'"])
def test_an_address_that_others_can_reach_takes_a_token_or_tls(pipeline, address):
    from edge_runtime.config.load import load_pipeline

    with pytest.raises(ConfigError, match=r"http.bind: .* can be reached by others") as refused:
        load_pipeline(pipeline(f"http: {{bind: {address}}}"))
    assert "token_file" in str(refused.value)
    assert "ssh -L" in str(refused.value)


def test_tls_is_served_with_the_files_of_the_block(shown, tmp_path):
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
            str(tmp_path / "key.pem"), "-out", str(tmp_path / "crt.pem")]  # fmt: skip
    try:
        subprocess.run(make, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"openssl makes no certificate here: {error}")
    one = shown(", tls: {certificate: crt.pem, key: key.pem}")
    assert one.site.address == f"https://127.0.0.1:{one.port}"
    trust = ssl.create_default_context(cafile=tmp_path / "crt.pem")
    connection = http.client.HTTPSConnection("localhost", one.port, context=trust, timeout=10)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b"live\n"
    connection.close()


def test_files_that_are_no_certificate_are_refused(shown, tmp_path):
    (tmp_path / "crt.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"http.tls.certificate: .*are no certificate and its key"):
        shown(", tls: {certificate: crt.pem, key: crt.pem}")


def test_a_taken_port_is_told_before_anything_starts(shown):
    one = shown()
    with pytest.raises(RunError, match=rf"cannot listen at 127.0.0.1:{one.port}.*\n.*--set http.bind="):
        Site(SystemClock()).open(one.loaded)


def test_a_missing_package_is_named_with_the_command_that_installs_it(shown, monkeypatch):
    monkeypatch.delitem(sys.modules, "edge_runtime.web.server", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(RunError, match=r"aiohttp.*-m pip install 'edge-runtime\[web\]'"):
        shown()


def test_connections_beyond_the_bound_are_turned_away_and_the_rest_still_answered(shown):
    one = shown()
    held = [socket.create_connection(("127.0.0.1", one.port), timeout=10) for _ in range(door.CONNECTIONS)]
    assert until(lambda: one.ask("/healthz")[0] == 503)
    for connection in held:
        connection.close()
    assert until(lambda: one.ask("/healthz")[0] == 200)


def test_who_never_asks_is_put_out_and_who_looks_is_not():
    class Connection:
        closed = False

        def force_close(self):
            self.closed = True

    class Server:
        connections = (Connection(), Connection())

    class Request:
        protocol = Server.connections[0]

    doorkeeper = door.Doorkeeper(Server())
    doorkeeper.begins(Request)
    for _ in range(door.IDLE_SWEEPS):
        assert not Server.connections[1].closed
        doorkeeper.sweep()
    assert Server.connections[1].closed
    assert not Server.connections[0].closed


def test_the_picture_shows_the_boxes_and_is_drawn_only_while_one_looks(shown):
    one = shown()
    run = one.start()
    assert run._outlets.guests == ()
    with one.looking() as stream:
        for picture in pictures(stream, 3):
            assert picture.shape == (120, 160, 3)
            # The drive is grey; a box of a car is blue.
            assert np.ptp(picture.astype(int), axis=2).max() > 60
        assert len(run._outlets.guests) == 1
    assert until(lambda: run._outlets.guests == ())


def test_two_who_look_share_one_drawing(shown):
    one = shown()
    run = one.start()
    with one.looking() as first, one.looking() as second:
        assert len(list(pictures(first, 2))) == len(list(pictures(second, 2))) == 2
        assert len(run._outlets.guests) == 1


def test_who_looks_goes_on_with_the_next_run(shown):
    one = shown()
    old = one.start("old")
    with one.looking() as stream:
        list(pictures(stream, 1))
        one.start("new")
        old.finish()
        assert until(lambda: len(one.run._outlets.guests) == 1)
        assert len(list(pictures(stream, 4))) == 4
    old.finish()


def test_who_looks_and_never_reads_holds_nothing_up(shown):
    one = shown()
    run = one.start()
    with one.looking():
        before = run.snapshot().counts
        assert until(lambda: run.snapshot().counts.published > before.published + 60)
    assert one.ask("/healthz")[0] == 200


def test_a_run_can_end_while_somebody_looks(shown):
    one = shown()
    run = one.start()
    with one.looking() as stream:
        list(pictures(stream, 1))
        assert run.finish().error is None
        one.site.close()
        assert stream.read() is not None  # to the end


def test_the_document_holds_the_seconds_that_the_page_does_not_have_yet(shown):
    one = shown(more="budgets: {fps_floor: 5, latency_ms: 500}\n")
    one.start()
    assert until(lambda: json.loads(one.ask("/live.json")[2])["count"] >= 3)
    whole = json.loads(one.ask("/live.json")[2])
    assert [camera["name"] for camera in whole["cameras"]] == ["front"]
    assert whole["fps_floor"] == 5
    assert {stage["name"]: stage["model"] for stage in whole["stages"]}["objects"] == "road"
    assert {budget["key"] for budget in whole["budgets"]} == {"fps_floor", "latency_ms"}
    times = [row[0] for row in whole["rows"]]
    assert all(later > earlier for earlier, later in pairwise(times))
    rest = json.loads(one.ask(f"/live.json?since={whole['count'] - 1}&server={whole['server']}")[2])
    assert rest["rows"][0] == whole["rows"][-1]
    # Of another server all is told, whatever the page has.
    other = json.loads(one.ask(f"/live.json?since={whole['count']}&server=another")[2])
    assert other["rows"][: len(whole["rows"])] == whole["rows"]


def test_metrics_are_what_prometheus_reads_and_agree_with_the_summary(shown):
    one = shown(more="budgets: {fps_floor: 5}\n", loop=False)
    one.start()
    assert one.run.wait(20.0)
    summary = one.run.finish()
    families = {family.name: family for family in text_string_to_metric_families(one.ask("/metrics")[2])}

    def samples(name, **wanted):
        return {
            tuple(value for key, value in sample.labels.items() if key not in wanted): sample.value
            for sample in families[name.removesuffix("_total").removesuffix("_count").removesuffix("_bucket")].samples
            if sample.name == f"edge_runtime_{name.removeprefix('edge_runtime_')}"
            and wanted.items() <= sample.labels.items()
        }

    prefix = "edge_runtime_"
    frames = samples(f"{prefix}frames_total", camera="front")
    assert frames == {("published",): 40, ("overwritten",): 0, ("shed",): 0, ("failed",): 0}
    assert samples(f"{prefix}captured_frames_total") == {("front",): 40}
    assert samples(f"{prefix}latency_seconds_count") == {("front",): summary.frames.published}
    buckets = list(samples(f"{prefix}latency_seconds_bucket", camera="front").values())
    assert buckets == sorted(buckets)
    assert buckets[-1] == 40
    assert samples(f"{prefix}stage_seconds_count", stage="objects") == {("front", "road"): 40}
    assert samples(f"{prefix}sink_results_total", outcome="written")[("front", "jsonl detections.jsonl")] == 40


def test_metrics_of_power_temperature_point_and_violations_come_from_the_board(shown, tmp_path):
    sample = '{{"t_ns": {t}, "source": "recorded", "power_w": {w}, "temp_c": {{"gpu": 61.5}}}}\n'
    log = "".join(sample.format(t=n * 100_000_000, w=20 + n % 3) for n in range(600))
    (tmp_path / "board.jsonl").write_text(log)
    one = shown(more="budgets: {power_w: 10}\ntelemetry: {source: recorded, log: board.jsonl}\n")
    one.start()

    def read():
        text = one.ask("/metrics")[2]
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    violations = 'edge_runtime_budget_violations_total{budget="power_w",camera="front"}'
    assert until(lambda: float(read().get(violations, 0)) >= 1)
    metrics = read()
    assert metrics['edge_runtime_temperature_celsius{zone="gpu"}'] == "61.5"
    assert 20 <= float(metrics["edge_runtime_power_watts"]) <= 22
    assert metrics["edge_runtime_power_budget_watts"] == "10.0"


def test_edge_run_says_where_its_page_is(pipeline, tmp_path):
    from tests.web.conftest import free_port

    path = pipeline(f"http: {{bind: {free_port()}}}\n", loop=False)
    command = [sys.executable, "-m", "edge_runtime", str(path), "--out", str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0
    assert "live page: http://127.0.0.1:" in ran.stderr


def test_without_the_block_nothing_of_the_server_is_even_imported(pipeline, tmp_path):
    path = pipeline("", loop=False)
    code = (
        "import sys; from edge_runtime.cli.main import run_app;"
        f"run_app([{str(path)!r}, '--out', {str(tmp_path / 'out')!r}]);"
        "sys.exit('aiohttp' in sys.modules or 'prometheus_client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 0


def test_a_camera_that_goes_away_is_an_alarm_on_the_page_and_in_the_metrics(shown, monkeypatch):
    one = shown()
    run = one.start()
    assert json.loads(one.ask("/live.json")[2])["alarm"] is None
    assert 'edge_runtime_camera_away{camera="front"} 0.0' in one.ask("/metrics")[2]
    monkeypatch.setattr(run._cameras.sources["front"], "paced", True)
    monkeypatch.setattr(run._cameras.feeds["front"].outages, "alarm", lambda now_ns: "no picture from front for 3 s")
    assert json.loads(one.ask("/live.json")[2])["alarm"] == "no picture from front for 3 s"
    assert 'edge_runtime_camera_away{camera="front"} 1.0' in one.ask("/metrics")[2]


def test_everybody_looks_at_the_camera_of_their_choice_and_only_those_are_drawn(shown):
    one = shown(several=True)
    run = one.start()
    with one.looking("left") as left:
        assert [picture.shape for picture in pictures(left, 2)] == [(60, 80, 3)] * 2
        assert len(run._outlets.guests) == 1, "the front, which nobody looks at, is not drawn"
        with one.looking("left") as again, one.looking() as first, one.looking("front") as front:
            assert next(iter(pictures(again, 1))).shape == (60, 80, 3)
            assert next(iter(pictures(first, 1))).shape == (120, 160, 3), "the first of the file, for who does not say"
            assert next(iter(pictures(front, 1))).shape == (120, 160, 3)
        assert until(lambda: len(run._outlets.guests) == 1)
    assert until(lambda: run._outlets.guests == ())


def test_a_camera_that_is_not_there_is_refused_with_the_names_of_those_that_are(shown):
    one = shown(several=True)
    one.start()
    assert one.ask("/picture.mjpeg?camera=lft")[::2] == (404, "no camera has this name; did you mean `left`?\n")
    assert one.ask("/picture.mjpeg?camera=%3Cb%3E")[::2] == (404, "no camera has this name; there is front and left\n")


def test_who_looks_before_there_is_a_run_sees_it_when_it_begins(shown):
    one = shown(several=True)
    with one.looking("left") as stream:
        one.start()
        assert next(iter(pictures(stream, 1))).shape == (60, 80, 3)


def test_who_looks_at_one_of_several_cameras_goes_on_with_the_next_run(shown):
    one = shown(several=True)
    old = one.start("old")
    with one.looking("left") as stream:
        list(pictures(stream, 1))
        one.start("new")
        old.finish()
        assert until(lambda: len(one.run._outlets.guests) == 1)
        assert {picture.shape for picture in pictures(stream, 3)} == {(60, 80, 3)}
    old.finish()


def test_each_of_several_cameras_has_its_figures_in_the_document_and_its_label_in_the_metrics(shown):
    one = shown(several=True, loop=False, more="budgets: {latency_ms: 500}\n")
    one.start()
    assert one.run.wait(20.0)
    document = json.loads(one.ask("/live.json")[2])
    assert {camera["name"]: camera["published"] for camera in document["cameras"]} == {"front": 40, "left": 40}
    metrics = one.ask("/metrics")[2]
    for camera in ("front", "left"):
        assert f'edge_runtime_captured_frames_total{{camera="{camera}"}} 40.0' in metrics
        assert f'edge_runtime_frames_total{{camera="{camera}",outcome="published"}} 40.0' in metrics
        assert f'edge_runtime_latency_seconds_count{{camera="{camera}"}} 40.0' in metrics
        assert f'edge_runtime_camera_away{{camera="{camera}"}} 0.0' in metrics
    assert 'edge_runtime_stage_seconds_count{camera="all",model="road",stage="objects"} 80.0' in metrics


def test_one_of_several_cameras_that_goes_away_hides_no_other_alarm(shown, monkeypatch):
    one = shown(several=True, more="budgets: {power_w: 10}\n")
    run = one.start()
    state = run.steering()
    monkeypatch.setattr(run, "steering", lambda: replace(state, alarm="power is not measured"))
    monkeypatch.setattr(run._cameras.sources["left"], "paced", True)
    monkeypatch.setattr(run._cameras.feeds["left"].outages, "alarm", lambda now_ns: "no picture from left for 3 s")
    document = json.loads(one.ask("/live.json")[2])
    assert document["alarms_now"] == ["no picture from left for 3 s", "power is not measured"]
    assert [bool(camera["no_picture"]) for camera in document["cameras"]] == [False, True]
    metrics = one.ask("/metrics")[2]
    assert 'edge_runtime_camera_away{camera="front"} 0.0' in metrics
    assert 'edge_runtime_camera_away{camera="left"} 1.0' in metrics
