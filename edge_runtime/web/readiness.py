"""Is a run ready? For who asks from outside: a load balancer, a supervisor, a person with curl."""

from __future__ import annotations

from edge_runtime.pipeline.vitals import Vitals


def readiness(vitals: Vitals | None) -> tuple[bool, str]:
    """Ready from the first result that came out whole until the run ends; and the sentence that says so."""
    if vitals is None:
        return False, "starting: networks are loaded or built"
    if vitals.error is not None:
        return False, f"failed: {vitals.error}"
    if vitals.ended:
        return False, "the source has ended"
    counts = vitals.snapshot.counts
    if not counts.published:
        failed = f"; {counts.failed} frames failed" if counts.failed else ""
        return False, f"waiting for the first result{failed}"
    return True, "ready"
