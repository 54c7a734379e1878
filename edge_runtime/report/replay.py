"""What a replay says on a terminal beside the summary of its run."""

from __future__ import annotations

from edge_runtime.pipeline.redecide import DecisionAccount


def decisions_line(account: DecisionAccount | None) -> str | None:
    """One or two lines on the governor's decisions; None where nobody decided."""
    if account is None or not account.made:
        return None
    if not account.compared:
        return f"{account.made} decisions made; the drive has none to compare them with"
    if account.identical:
        return f"all {account.compared} decisions are those of the drive"
    if account.identical is None:
        return (
            f"{account.differing} of {account.compared} decisions differ, from which nothing follows: the recording "
            "begins in the middle of a drive"
        )
    first = account.first_difference
    assert first is not None
    return (
        f"{account.differing} of {account.compared} decisions differ, first number {first.inputs.n}:\n"
        f"  on the drive  {first.recorded.reason}\n"
        f"  now           {first.recomputed.reason}"
    )
