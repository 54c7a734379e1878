"""What of a pipeline is not as it was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge_runtime.config.export import to_document
from edge_runtime.errors import ConfigError
from edge_runtime.pipeline.drive import Drive
from edge_runtime.pipeline.replay import pipeline_of

# Where pictures come from and where results go says nothing of what is found.
ASIDE = ("name", "source", "sources", "record", "sinks", "telemetry", "governor.ladder")


@dataclass(frozen=True, slots=True)
class Change:
    """A key of the pipeline file, then and now; None where it is not there."""

    key: str
    then: Any
    now: Any


def changed_settings(drive: Drive, config: Mapping[str, Any]) -> list[Change] | None:
    """Beside the pipeline that the drive was recorded with; None where that is not known."""
    if drive.recording is None:
        return None
    try:
        with pipeline_of(drive, None) as recorded:
            then = dict(_flat(to_document(recorded.config)))
    except ConfigError:  # another version wrote it, and this one does not understand it any more
        return None
    now = dict(_flat(config))
    keys = [key for key in {**then, **now} if not any(key == one or key.startswith(f"{one}.") for one in ASIDE)]
    return [Change(key, then.get(key), now.get(key)) for key in keys if then.get(key) != now.get(key)]


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """models.road.decode.confidence: 0.35. A named item of a list goes by its name, a plain list is one value."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(each, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value) and value:
        for place, each in enumerate(value):
            yield from _flat(each, f"{key}.{each.get('name', place)}")
    else:
        yield key, list(value) if isinstance(value, tuple) else value
