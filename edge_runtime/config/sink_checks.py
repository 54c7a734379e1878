"""What the keys of a sink say to each other and to the stages, and sinks that collide."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge_runtime.errors import Problem

from .address import broker_address, udp_address, zmq_address
from .document import Where
from .draft import Draft
from .placeholders import PLACEHOLDERS, fill, holes
from .schema import (
    DisplaySink,
    JsonlSink,
    LiveSink,
    MqttSink,
    SharedMemorySink,
    Sink,
    UdpSink,
    VideoSink,
    ZmqSink,
)
from .stage_kinds import no_boxes
from .words import did_you_mean, either

# MQTT 3.1.1, 4.7.1: a topic that is published to has no wildcards.
_WILDCARDS = "+#\0"
_FILE_NAME_BYTES = 200


def check_sinks(draft: Draft) -> Iterator[Problem]:
    for index, sink in enumerate(draft.sinks):
        where: Where = ("sinks", index)
        if isinstance(sink, LiveSink):
            yield from _stages(draft, where, sink)
        match sink:
            case JsonlSink(path=path) | VideoSink(path=path) if not path.name:
                yield draft.document.problem((*where, "path"), f"'{path}' names no file", "give a file name")
            case MqttSink():
                yield from _mqtt(draft, where, sink)
            case ZmqSink():
                yield from _zmq(draft, where, sink)
            case UdpSink(to=to):
                try:
                    udp_address(to)
                except ValueError as error:
                    fix = "write `to: 127.0.0.1:5006`; the address of a host by its name: `getent hosts NAME`"
                    yield draft.document.problem((*where, "to"), str(error), fix)
            case SharedMemorySink():
                yield from _shared_memory(draft, where, sink)
    yield from _collisions(draft)


def _stages(draft: Draft, where: Where, sink: LiveSink) -> Iterator[Problem]:
    """Only boxes go out at once; masks are pictures, and those are files."""
    names = [draft.stage_name(index) for index in range(len(draft.stages))]
    seen: set[str] = set()
    for item, name in enumerate(sink.stages or ()):
        what = fix = ""
        if name not in names:
            if None in names:
                continue
            what = f"no stage is named '{name}'"
            fix = did_you_mean(name, names) or f"the file has {either(names, 'and')}"
        elif name in seen:
            what, fix = f"'{name}' is listed twice", "name it once"
        elif no_boxes(draft, names.index(name)) == "masks":
            what, fix = f"stage '{name}' gives masks, which only files hold", "name a stage that gives boxes"
        seen.add(name)
        if what:
            yield draft.document.problem((*where, "stages", item), what, fix)
    masks = [no_boxes(draft, index) == "masks" for index in range(len(draft.stages))]
    if sink.stages is None and masks and all(masks):
        what = "no stage gives boxes, and masks do not go out this way"
        yield draft.document.problem((*where, "kind"), what, "write `kind: jsonl`, which puts masks beside it")


def _mqtt(draft: Draft, where: Where, sink: MqttSink) -> Iterator[Problem]:
    try:
        broker_address(sink.broker, 1883)
    except ValueError as error:
        fix = "write `broker: host:1883`; who logs in goes to `username:` and `password_file:`, encryption to `tls: {}`"
        problem = draft.document.problem((*where, "broker"), str(error), fix)
        yield replace(problem, text="") if "@" in sink.broker else problem  # a password is not shown
    for key in ("topic", "status_topic"):
        topic: str = getattr(sink, key)
        if found := sorted(set(_WILDCARDS) & set(topic)):
            what = f"'{topic}' holds {either(map(repr, found), 'and')}, which is for subscribing"
            yield draft.document.problem((*where, key), what, "name one topic")
        yield from _holes(draft, (*where, key), topic, once=key == "status_topic")
    yield from _holes(draft, (*where, "client_id"), sink.client_id, once=True)
    if sink.topic == sink.status_topic:
        yield draft.document.problem((*where, "status_topic"), "is the topic of the results", "give it another one")
    if sink.password_file is not None and sink.username is None:
        fix = "add `username:` beside it"
        yield draft.document.problem((*where, "password_file"), "a password without a name", fix, key=True)
    if sink.tls is not None and (sink.tls.certificate is None) != (sink.tls.key is None):
        missing = "key" if sink.tls.key is None else "certificate"
        yield draft.document.problem((*where, "tls"), f"`{missing}:` is missing", "certificate and key go together")


def _zmq(draft: Draft, where: Where, sink: ZmqSink) -> Iterator[Problem]:
    if (sink.bind is None) == (sink.connect is None):
        what = "neither `bind:` nor `connect:`" if sink.bind is None else "`bind:` and `connect:` at once"
        fix = "write `bind: tcp://127.0.0.1:5556`, to which subscribers connect"
        yield draft.document.problem((*where, "bind"), what, fix, key=True)
    for key in ("bind", "connect"):
        if (address := getattr(sink, key)) is not None:
            try:
                zmq_address(address, binds=key == "bind")
            except ValueError as error:
                example = "tcp://127.0.0.1:5556" if key == "bind" else "tcp://127.0.0.1:5557"
                fix = f"write `{key}: {example}`" + ("; * is every network" if key == "bind" else "")
                yield draft.document.problem((*where, key), str(error), fix)
    if any(letter.isspace() for letter in sink.topic):
        what = "holds a space, at which a topic ends"
        yield draft.document.problem((*where, "topic"), what, "write it without")
    yield from _holes(draft, (*where, "topic"), sink.topic)


def _shared_memory(draft: Draft, where: Where, sink: SharedMemorySink) -> Iterator[Problem]:
    plain = fill(sink.name, **dict.fromkeys(PLACEHOLDERS, "x"))
    if "/" in plain or plain.startswith(".") or len(plain.encode()) > _FILE_NAME_BYTES:
        fix = "write `name: edge-{pipeline}-{camera}`; it lies in /dev/shm by itself"
        yield draft.document.problem((*where, "name"), f"'{sink.name}' is not the name of a file", fix)
    yield from _holes(draft, (*where, "name"), sink.name)


def _holes(draft: Draft, where: Where, text: str, *, once: bool = False) -> Iterator[Problem]:
    """Placeholders that nobody fills; what there is only once a run has no camera's name in it."""
    known = [name for name in PLACEHOLDERS if not (once and name == "camera")]
    try:
        found = holes(text)
    except ValueError as error:
        yield draft.document.problem(where, str(error), f"write {either(f'{{{name}}}' for name in known)}")
        return
    for name in found:
        if name not in known:
            guess = did_you_mean(name, known)
            fix = guess.replace("`", "`{", 1).replace("`?", "}`?") if guess else ""
            fix = " ".join(part for part in (fix, f"It takes {either(f'{{{name}}}' for name in known)}") if part)
            what = "is the same for all cameras" if name == "camera" else f"nothing is known as {{{name}}}"
            yield draft.document.problem(where, what, fix)


def _collisions(draft: Draft) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, sink in enumerate(draft.sinks):
        if sink is None:
            continue
        target, key, fix = _target(sink)
        if target in seen:
            line = draft.document.place(("sinks", seen[target])).line
            other = f"the sink in line {line}" if line else "another sink"
            where: Where = ("sinks", index, key) if key else ("sinks", index)
            yield draft.document.problem(where, f"{other} writes to {target} as well", fix)
        seen.setdefault(target, index)


def _target(sink: Sink) -> tuple[str, str, str]:
    """Where it writes to, the key that says so, and what to do about another one that does."""
    match sink:
        case DisplaySink():
            return "the display", "", "one is enough"
        case JsonlSink(path=path) | VideoSink(path=path):
            return os.path.normpath(path), "path", "give one of them another `path:`"
        case MqttSink(broker=broker, topic=topic):
            return f"{broker} {topic}", "topic", "give one of them another `topic:`"
        case ZmqSink(bind=bind, connect=connect):
            key = "bind" if bind is not None else "connect"
            return f"{bind or connect}", key, f"give one of them another `{key}:`"
        case UdpSink(to=to):
            return _shown(to), "to", "give one of them another `to:`"
        case SharedMemorySink(name=name):
            return str(Path("/dev/shm", name)), "name", "give one of them another `name:`"
    raise AssertionError(sink)


def _shown(to: int | str) -> str:
    """A UDP address in one way of writing, where it is one."""
    try:
        return "UDP {}:{}".format(*udp_address(to))
    except ValueError:
        return f"{to}"
