"""The files a pipeline file names: made absolute, and looked for."""

from __future__ import annotations

import os
from collections.abc import Iterator

from edge_runtime.errors import Problem

from .document import Document, Where
from .shipped import Kind, meant, shipped
from .words import did_you_mean, either, nearest

_CLASSES = ("models.*.decode.classes", "models.*.decode.heads.*.classes")
_READ = (
    "source.path",
    "sources.*.path",
    "models.*.onnx",
    "models.*.variants.*.onnx",
    "models.*.tensorrt.plugin_libraries.*",
    "governor.ladder",
    "telemetry.log",
    "telemetry.plant",
    "http.token_file",
    "http.tls.certificate",
    "http.tls.key",
    "sinks.*.password_file",
    "sinks.*.tls.ca",
    "sinks.*.tls.certificate",
    "sinks.*.tls.key",
    "stages.*.regions.from.*.prior.file",
    *_CLASSES,
)
_WRITTEN = ("engines.folder",)
# What may also be named as it ships with the package.
_SHIPPED: dict[str, Kind] = {
    "models.*.onnx": "networks",
    "models.*.variants.*.onnx": "networks",
    "governor.ladder": "ladders",
    "telemetry.plant": "plants",
}
_NOT_ONNX = {
    ".pt": "a PyTorch checkpoint", ".pth": "a PyTorch checkpoint", ".engine": "a TensorRT engine",
    ".plan": "a TensorRT engine", ".tflite": "a TensorFlow Lite network", ".xml": "an OpenVINO network",
}  # fmt: skip


def resolve(document: Document) -> None:
    """Make every path absolute: relative to the pipeline file, or, when it was given by an override, to the folder the
    command was typed in. `~` is the home folder. Networks and ladders that ship may go by name. Paths of sinks stay
    relative to the run folder.
    """
    home = os.path.dirname(os.path.abspath(document.file))
    for pattern in (*_READ, *_WRITTEN):
        for where, text in _named(document, (pattern,)):
            if not text:
                continue
            base = os.getcwd() if document.from_override(where) else home
            known = meant(_SHIPPED[pattern], text, base) if pattern in _SHIPPED else None
            _put(document, where, str(known or os.path.normpath(os.path.join(base, os.path.expanduser(text)))))
    for where, text in (*document.match("sinks.*.path"), *document.match("record.path")):
        if isinstance(text, str):
            _put(document, where, os.path.expanduser(text))


def missing(document: Document, *, of: tuple[str, ...] = _READ) -> list[Problem]:
    """Every resolved path that leads to nothing, or to the wrong sort of thing; only those `of` certain keys."""
    problems = []
    for where, path in _named(document, of):
        is_source = where[0] in ("source", "sources")
        if is_source and document.get((*where[:-1], "kind")) not in ("video", "images", "recording"):
            continue
        if where[-1] == "onnx" and document.get((*where[:-1], "optional")) and not os.path.exists(path):
            continue  # the run goes on without it, and says so
        if not path:
            problems.append(document.problem(where, "is empty", "give a path"))
            continue
        what, fix = (_wrong_source if is_source else _wrong_file)(document, where, path)
        if what:
            problems.append(document.problem(where, what, fix))
    return problems


def _named(document: Document, patterns: tuple[str, ...]) -> Iterator[tuple[Where, str]]:
    for pattern in patterns:
        for where, text in document.match(pattern):
            if isinstance(text, str) and "://" not in text and not (pattern in _CLASSES and text == "coco"):
                yield where, text


def _put(document: Document, where: Where, text: str) -> None:
    document.get(where[:-1])[where[-1]] = text


def _wrong_source(document: Document, where: Where, path: str) -> tuple[str, str]:
    kind = document.get((*where[:-1], "kind"))
    wants_folder, either_will_do = kind == "images", kind == "recording"
    if wants_folder and os.path.isfile(path):
        return f"{path} is a file, not a folder", "write `kind: video` for a video file"
    if not (wants_folder or either_will_do) and os.path.isdir(path):
        return f"{path} is a folder, not a video", "write `kind: images` for a folder of pictures"
    if not os.path.exists(path):
        noun = "folder" if wants_folder else "file"
        return f"no such {noun}: {path}", _instead(document, where, path, noun.upper())
    return "", ""


def _wrong_file(document: Document, where: Where, path: str) -> tuple[str, str]:
    if os.path.isdir(path):
        return f"{path} is a folder, not a file", f"give the file: `--set {document.dotted(where)}=FILE`"
    if not os.path.exists(path):
        if where[-1] == "classes" and not os.path.splitext(path)[1]:
            word = os.path.basename(path)
            guess = "did you mean `coco`? " if nearest(word, ["coco"]) else ""
            fix = f"{guess}Else a list such as `[{word}]`, `{{2: {word}}}` or a text file with one name a line"
            return f"'{word}' is not a set of classes, and there is no such file: {path}", fix
        return f"no such file: {path}", _instead(document, where, path, "FILE")
    if where[-1] == "onnx" and (sort := _NOT_ONNX.get(os.path.splitext(path)[1].lower())):
        return f"{path} is {sort}, not an ONNX file", "export the network to ONNX and name that file"
    return "", ""


def _instead(document: Document, where: Where, path: str, noun: str) -> str:
    folder, name = os.path.split(path)
    kind = next((kind for key, kind in _SHIPPED.items() if key.rpartition(".")[2] == where[-1]), None)
    by_name = shipped(kind) if kind is not None and "." not in name else {}
    try:
        guess = did_you_mean(name, [*os.listdir(folder), *by_name])
    except (OSError, ValueError):
        return f"the folder is not there either; pass the {noun.lower()} with `--set {document.dotted(where)}={noun}`"
    passed = f"pass it with `--set {document.dotted(where)}={noun}`"
    if not guess and by_name:
        return f"{kind} that ship go by name: {either(by_name, 'and')}; else {passed}"
    return f"{guess} Else {passed}" if guess else passed
