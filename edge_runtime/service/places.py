"""Where a service and its parts live on a machine."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.config.shipped import file_of

ETC = Path("/etc/edge-runtime")
STATE = Path("/var/lib/edge-runtime")
LIVE = Path("/run/edge-runtime")
UNITS = Path("/etc/systemd/system")
TEMPLATE = "edge-runtime@.service"
DROP_IN = "10-install.conf"


def unit(name: str) -> str:
    return f"edge-runtime@{name}.service"


def pipeline(name: str) -> Path:
    return ETC / f"{name}.yaml"


def drop_in(name: str) -> Path:
    return UNITS / f"{unit(name)}.d" / DROP_IN


def installed() -> list[str]:
    """The names of the services of this machine."""
    return sorted(path.parent.name[len("edge-runtime@") : -len(".service.d")] for path in UNITS.glob(drop_glob()))


def drop_glob() -> str:
    return f"edge-runtime@*.service.d/{DROP_IN}"


def template_text() -> str:
    """The unit that ships with the package."""
    return file_of(f"configs/{TEMPLATE}").read_text(encoding="utf-8")
