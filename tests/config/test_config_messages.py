"""What a user reads for each mistake, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.config.load import load_pipeline
from edge_runtime.errors import ConfigError

GOOD = """\
name: highway
source: {kind: video, path: drive.mp4, pace: live, ego_speed_kmh: 110}
models:
  road:
    onnx: road.onnx
    input:
      size: [416, 416]
      resize: letterbox_top_left
      color: bgr
      scale: 1.0
    decode:
      family: yolox
      classes: coco
      keep: [car, truck]
      confidence: 0.35
stages:
  - {name: objects, kind: detect, model: road}
  - {name: far, kind: detect, model: road}
  - {name: fused, kind: merge, of: [objects, far]}
  - {name: tracked, kind: track, of: fused}
sinks:
  - {kind: jsonl, path: detections.jsonl}
budgets: {fps_floor: {city: 15, highway: 30}, latency_ms: 100}
"""

# The name of the mistake, what is replaced in the good file, by what, and the message; DIR is the folder.
MISTAKES = [
    (
        "a_misspelt_key",
        "path: drive",
        "pth: drive",
        """\
bad.yaml:2:23: source.pth: unknown key
    | source: {kind: video, pth: drive.mp4, pace: live, ego_speed_kmh: 110}
    |                       ^^^
    did you mean `path`?""",
    ),
    (
        "a_misspelt_kind",
        "kind: video",
        "kind: vidoe",
        """\
bad.yaml:2:16: source.kind: unknown value 'vidoe'
    | source: {kind: vidoe, path: drive.mp4, pace: live, ego_speed_kmh: 110}
    |                ^^^^^
    did you mean `video`? It takes video, images, camera, simulation or recording""",
    ),
    (
        "a_missing_kind",
        "kind: video, ",
        "",
        """\
bad.yaml:2:1: source.kind: is missing
    | source: {path: drive.mp4, pace: live, ego_speed_kmh: 110}
    | ^^^^^^
    `kind:` takes video, images, camera, simulation or recording""",
    ),
    (
        "a_key_of_another_kind",
        "pace: live",
        "fps: 30",
        """\
bad.yaml:2:40: source.fps: unknown key
    | source: {kind: video, path: drive.mp4, fps: 30, ego_speed_kmh: 110}
    |                                        ^^^
    only `kind` images, camera or simulation takes it; this block takes"""
        " kind, camera, ego_speed_kmh, ego_speed_udp, ego_speed_stale_ms, calibration, pace, loop and path",
    ),
    (
        "a_key_that_belongs_one_block_deeper",
        "    onnx: road.onnx",
        "    onnx: road.onnx\n    confidence: 0.5",
        """\
bad.yaml:6:5: models.road.confidence: unknown key
    | confidence: 0.5
    | ^^^^^^^^^^
    it belongs into `decode:`""",
    ),
    (
        "a_key_that_nobody_knows",
        "pace: live",
        "precision: 5",
        """\
bad.yaml:2:40: source.precision: unknown key
    | source: {kind: video, path: drive.mp4, precision: 5, ego_speed_kmh: 110}
    |                                        ^^^^^^^^^
    this block takes kind, camera, ego_speed_kmh, ego_speed_udp, ego_speed_stale_ms, calibration, pace, """
        "loop and path",
    ),
    (
        "a_missing_key",
        "      scale: 1.0\n",
        "",
        """\
bad.yaml:6:5: models.road.input.scale: is missing
    | input:
    | ^^^^^
    write `scale: 1.0`: 1.0 for a network that takes 0..255, 1/255 for one that takes 0..1""",
    ),
    (
        "a_missing_section",
        "stages:",
        "steps:",
        """\
bad.yaml:16:1: steps: unknown key
    | steps:
    | ^^^^^
    did you mean `stages`?""",
    ),
    (
        "a_word_out_of_a_list",
        "pace: live",
        "pace: lvie",
        """\
bad.yaml:2:46: source.pace: unknown value 'lvie'
    | source: {kind: video, path: drive.mp4, pace: lvie, ego_speed_kmh: 110}
    |                                              ^^^^
    did you mean `live`? It takes live or fast""",
    ),
    (
        "a_number_below_its_bound",
        "110",
        "-3",
        """\
bad.yaml:2:67: source.ego_speed_kmh: -3 is too small
    | source: {kind: video, path: drive.mp4, pace: live, ego_speed_kmh: -3}
    |                                                                   ^^
    must be at least 0: constant speed of the vehicle in km/h, if known""",
    ),
    (
        "a_number_above_its_bound",
        "scale: 1.0",
        "scale: 255",
        """\
bad.yaml:10:14: models.road.input.scale: 255 is too large
    | scale: 255
    |        ^^^
    must be at most 1: 1.0 for a network that takes 0..255, 1/255 for one that takes 0..1""",
    ),
    (
        "a_number_in_quotes",
        "110",
        "'110'",
        """\
bad.yaml:2:67: source.ego_speed_kmh: '110' is not a number
    | source: {kind: video, path: drive.mp4, pace: live, ego_speed_kmh: '110'}
    |                                                                   ^^^^^
    take the quotes away""",
    ),
    (
        "a_boolean_for_a_number",
        "110",
        "true",
        """\
bad.yaml:2:67: source.ego_speed_kmh: true is not a number
    | source: {kind: video, path: drive.mp4, pace: live, ego_speed_kmh: true}
    |                                                                   ^^^^
    write `ego_speed_kmh: 110`: constant speed of the vehicle in km/h, if known""",
    ),
    (
        "not_a_number",
        "110",
        ".nan",
        """\
bad.yaml:2:67: source.ego_speed_kmh: .nan is not a finite number
    | source: {kind: video, path: drive.mp4, pace: live, ego_speed_kmh: .nan}
    |                                                                   ^^^^
    write `ego_speed_kmh: 110`: constant speed of the vehicle in km/h, if known""",
    ),
    (
        "a_word_for_a_boolean",
        "pace: live",
        "loop: maybe",
        """\
bad.yaml:2:46: source.loop: 'maybe' is not true or false
    | source: {kind: video, path: drive.mp4, loop: maybe, ego_speed_kmh: 110}
    |                                              ^^^^^
    write `loop: false`: start again at the end, for ever""",
    ),
    (
        "a_number_for_a_name",
        "name: highway",
        "name: 2024",
        """\
bad.yaml:1:7: name: 2024 is not a text
    | name: 2024
    |       ^^^^
    YAML reads it as a number; put it in quotes""",
    ),
    (
        "a_number_for_a_class",
        "classes: coco",
        "classes: [stop, 50]",
        """\
bad.yaml:13:23: models.road.decode.classes.1: 50 is not a text
    | classes: [stop, 50]
    |                 ^^
    YAML reads it as a number; put it in quotes""",
    ),
    (
        "an_empty_block",
        "{fps_floor: {city: 15, highway: 30}, latency_ms: 100}",
        "",
        """\
bad.yaml:23:1: budgets: is empty
    | budgets:
    | ^^^^^^^
    it takes fps_floor, latency_ms, power_w, thermal_c and max_metres_per_frame; or take the line away""",
    ),
    (
        "a_list_too_short",
        "size: [416, 416]",
        "size: [416]",
        """\
bad.yaml:7:13: models.road.input.size: has 1 item
    | size: [416]
    |       ^^^^^
    it takes 2; write `size: [640, 384]`: [width, height] in pixels""",
    ),
    (
        "a_text_for_a_list",
        "size: [416, 416]",
        "size: 416x416",
        """\
bad.yaml:7:13: models.road.input.size: '416x416' is not a list
    | size: 416x416
    |       ^^^^^^^
    write `size: [640, 384]`: [width, height] in pixels""",
    ),
    (
        "one_item_for_a_list",
        "keep: [car, truck]",
        "keep: car",
        """\
bad.yaml:14:13: models.road.decode.keep: 'car' is not a list
    | keep: car
    |       ^^^
    write `keep: [car]`: report only these classes""",
    ),
    (
        "a_choice_of_types_that_fits_none",
        "{city: 15, highway: 30}",
        "fast",
        """\
bad.yaml:23:22: budgets.fps_floor: 'fast' is not a number or a block of keys
    | budgets: {fps_floor: fast, latency_ms: 100}
    |                      ^^^^
    write `fps_floor: 25`: least frames a second""",
    ),
    (
        "a_choice_of_types_with_a_slip_in_one",
        "scale: 1.0",
        "scale: 1.0\n      mean: [1, a, 2]",
        """\
bad.yaml:11:17: models.road.input.mean.1: 'a' is not a number
    | mean: [1, a, 2]
    |           ^
    subtracted after scale; one value or one a channel, in `color` order""",
    ),
    (
        "a_text_for_a_block",
        "source: {kind: video, path: drive.mp4, pace: live, ego_speed_kmh: 110}",
        "source: drive.mp4",
        """\
bad.yaml:2:9: source: 'drive.mp4' is not a block of keys
    | source: drive.mp4
    |         ^^^^^^^^^
    write `source: {kind: video, path: drive.mp4}`: where frames come from""",
    ),
    (
        "a_missing_file_with_a_near_name",
        "drive.mp4",
        "drvie.mp4",
        """\
bad.yaml:2:29: source.path: no such file: DIR/drvie.mp4
    | source: {kind: video, path: drvie.mp4, pace: live, ego_speed_kmh: 110}
    |                             ^^^^^^^^^
    did you mean `drive.mp4`? Else pass it with `--set source.path=FILE`""",
    ),
    (
        "a_missing_folder",
        "drive.mp4",
        "videos/drive.mp4",
        """\
bad.yaml:2:29: source.path: no such file: DIR/videos/drive.mp4
    | source: {kind: video, path: videos/drive.mp4, pace: live, ego_speed_kmh: 110}
    |                             ^^^^^^^^^^^^^^^^
    the folder is not there either; pass the file with `--set source.path=FILE`""",
    ),
    (
        "a_folder_for_a_video",
        "drive.mp4",
        "pictures",
        """\
bad.yaml:2:29: source.path: DIR/pictures is a folder, not a video
    | source: {kind: video, path: pictures, pace: live, ego_speed_kmh: 110}
    |                             ^^^^^^^^
    write `kind: images` for a folder of pictures""",
    ),
    (
        "a_stream_for_a_file",
        "drive.mp4",
        "rtsp://camera/1",
        """\
bad.yaml:2:29: source.path: 'rtsp://camera/1' is a stream, not a file
    | source: {kind: video, path: rtsp://camera/1, pace: live, ego_speed_kmh: 110}
    |                             ^^^^^^^^^^^^^^^
    write `kind: camera` and `device:` instead of `path:`""",
    ),
    (
        "misspelt_coco",
        "classes: coco",
        "classes: cocoo",
        """\
bad.yaml:13:16: models.road.decode.classes: 'cocoo' is not a set of classes, and there is no such file: DIR/cocoo
    | classes: cocoo
    |          ^^^^^
    did you mean `coco`? Else a list such as `[cocoo]`, `{2: cocoo}` or a text file with one name a line""",
    ),
    (
        "a_class_named_twice",
        "classes: coco",
        "classes: [car, truck, car]",
        """\
bad.yaml:13:16: models.road.decode.classes: class 'car' is named twice: index 0 and index 2
    | classes: [car, truck, car]
    |          ^^^^^^^^^^^^^^^^^
    give each index its own name, or leave some out with `{index: name}`""",
    ),
    (
        "a_wrong_class_index",
        "classes: coco",
        "classes: {car: 2}",
        """\
bad.yaml:13:17: models.road.decode.classes.car: 'car' is not a class index
    | classes: {car: 2}
    |           ^^^
    an index is a whole number from 0 on, such as `{2: car, 7: truck}`

bad.yaml:13:22: models.road.decode.classes.car: 2 is not a text
    | classes: {car: 2}
    |                ^
    YAML reads it as a number; put it in quotes

2 mistakes; nothing was started.""",
    ),
    (
        "a_class_to_keep_that_is_none",
        "keep: [car, truck]",
        "keep: [cra, truck]",
        """\
bad.yaml:14:14: models.road.decode.keep.0: no class is named 'cra'
    | keep: [cra, truck]
    |        ^^^
    did you mean `car`?""",
    ),
    (
        "a_stage_with_an_unknown_model",
        "kind: detect, model: road",
        "kind: detect, model: raod",
        """\
bad.yaml:17:42: stages.objects.model: no model is named 'raod'
    | - {name: objects, kind: detect, model: raod}
    |                                        ^^^^
    did you mean `road`?""",
    ),
    (
        "a_stage_of_the_wrong_kind",
        "kind: detect",
        "kind: segment",
        """\
bad.yaml:17:27: stages.objects.kind: model 'road' is of family yolox, which cannot segment
    | - {name: objects, kind: segment, model: road}
    |                         ^^^^^^^
    write `kind: detect`""",
    ),
    (
        "a_stage_of_a_missing_stage",
        "of: fused",
        "of: fsued",
        """\
bad.yaml:20:38: stages.tracked.of: no stage is named 'fsued'
    | - {name: tracked, kind: track, of: fsued}
    |                                    ^^^^^
    did you mean `fused`?""",
    ),
    (
        "a_stage_of_a_later_stage",
        "of: [objects, far]}",
        "of: [objects, last]}\n  - {name: last, kind: detect, model: road}",
        """\
bad.yaml:19:46: stages.fused.of.1: stage 'fused' takes 'last', which comes later
    | - {name: fused, kind: merge, of: [objects, last]}
    |                                            ^^^^
    move 'fused' below 'last'""",
    ),
    (
        "a_stage_of_itself",
        "of: fused",
        "of: tracked",
        """\
bad.yaml:20:38: stages.tracked.of: stage 'tracked' takes itself
    | - {name: tracked, kind: track, of: tracked}
    |                                    ^^^^^^^
    name a stage above it""",
    ),
    (
        "a_circle_of_stages",
        "of: [objects, far]",
        "of: [objects, tracked]",
        """\
bad.yaml:19:46: stages.fused.of.1: a circle: 'fused' takes 'tracked', which takes 'fused'
    | - {name: fused, kind: merge, of: [objects, tracked]}
    |                                            ^^^^^^^
    take a stage from above instead""",
    ),
    (
        "two_stages_of_one_name",
        "name: tracked",
        "name: fused",
        """\
bad.yaml:20:12: stages.3.name: two stages are named 'fused', first in line 19
    | - {name: fused, kind: track, of: fused}
    |          ^^^^^
    rename one of them""",
    ),
    (
        "a_reserved_stage_name",
        "name: tracked",
        "name: total",
        """\
bad.yaml:20:12: stages.total.name: 'total' is reserved: times of the pipeline itself go by it
    | - {name: total, kind: track, of: fused}
    |          ^^^^^
    give the stage another name""",
    ),
    (
        "an_unused_model",
        "  road:",
        (
            "  spare:\n"
            "    onnx: road.onnx\n"
            "    input: {size: [64, 64], resize: stretch, color: rgb, scale: 1}\n"
            "    decode: {family: classification, classes: [day, night]}\n"
            "  road:"
        ),
        """\
bad.yaml:4:3: models.spare: no stage uses this model
    | spare:
    | ^^^^^
    add a stage such as `- {name: a_name, kind: classify, model: spare}`, or take the model away""",
    ),
    (
        "two_sinks_of_one_file",
        "sinks:",
        "sinks:\n  - {kind: jsonl}",
        """\
bad.yaml:23:25: sinks.1.path: the sink in line 22 writes to detections.jsonl as well
    | - {kind: jsonl, path: detections.jsonl}
    |                       ^^^^^^^^^^^^^^^^
    give one of them another `path:`""",
    ),
    (
        "a_uint8_input_that_is_scaled",
        "scale: 1.0",
        "scale: 1/255\n      dtype: uint8",
        """\
bad.yaml:10:14: models.road.input.scale: '1/255' is not for an input of `dtype: uint8`
    | scale: 1/255
    |        ^^^^^
    write `scale: 1`: the picture's bytes go in as they are; or `dtype: float32`""",
    ),
    (
        "a_size_that_no_stride_divides",
        "size: [416, 416]",
        "size: [416, 400]",
        """\
bad.yaml:7:19: models.road.input.size.1: 400 is not a multiple of 32, the largest stride of this YOLOX
    | size: [416, 400]
    |             ^^^
    the next size that is one: 384""",
    ),
    (
        "a_gstreamer_pipeline_without_appsink",
        "{kind: video, path: drive.mp4, pace: live, ego_speed_kmh: 110}",
        "{kind: camera, device: nvarguscamerasrc ! nvvidconv ! fakesink}",
        """\
bad.yaml:2:32: source.device: the GStreamer pipeline does not end in an appsink
    | source: {kind: camera, device: nvarguscamerasrc ! nvvidconv ! fakesink}
    |                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    end it with `! appsink`""",
    ),
    (
        "a_key_written_twice",
        "name: highway",
        "name: highway\nname: motorway",
        """\
bad.yaml:2:1: name: key is written twice, first in line 1
    | name: motorway
    | ^^^^
    keep one of them""",
    ),
    (
        "a_tab",
        "      color: bgr",
        "	color: bgr",
        """\
bad.yaml:9:1: a tab
    | →color: bgr
    | ^
    indent with spaces only""",
    ),
    (
        "a_list_that_is_not_closed",
        "keep: [car, truck]",
        "keep: [car, truck",
        """\
bad.yaml:14:13: a list that is not closed
    | keep: [car, truck
    |       ^
    a list ends with `]`, its items stand between commas""",
    ),
    (
        "a_quote_that_is_not_closed",
        "name: highway",
        "name: 'highway",
        """\
bad.yaml:1:7: a quote that is not closed
    | name: 'highway
    |       ^
    end the text with the quote it began with""",
    ),
    (
        "a_key_without_colon",
        "color: bgr",
        "color bgr",
        """\
bad.yaml:9:7: a key without `:`
    | color bgr
    | ^
    write `key: value`, with a space after the colon""",
    ),
    (
        "a_windows_path_in_double_quotes",
        "drive.mp4",
        '"C:\\drive.mp4"',
        """\
bad.yaml:2:33: a backslash that means nothing in double quotes
    | source: {kind: video, path: "C:\\drive.mp4", pace: live, ego_speed_kmh: 110}
    |                                 ^
    put the text in single quotes: backslashes are plain letters there""",
    ),
    (
        "an_unknown_alias",
        "drive.mp4",
        "*drive",
        """\
bad.yaml:2:29: an alias (*) of an anchor that is not above it
    | source: {kind: video, path: *drive, pace: live, ego_speed_kmh: 110}
    |                             ^
    write `&name` at the value that is meant""",
    ),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("drive.mp4", "road.onnx"):
        (tmp_path / name).touch()
    (tmp_path / "pictures").mkdir()
    return tmp_path


def test_the_good_file_loads(folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD)
    assert load_pipeline("good.yaml").config.name == "highway"


@pytest.mark.parametrize(("old", "new", "message"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_each_mistake_is_told_in_full(folder: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    (folder / "bad.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_pipeline("bad.yaml")
    assert str(caught.value).replace(str(folder), "DIR") == message
