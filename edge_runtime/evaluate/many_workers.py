"""Who replays many drives: processes of this machine, or a Ray cluster.

Ray because it is what clusters for machine learning run already: it places tasks by CPUs and GPUs, moves results and
starts lost tasks again, so that nothing of this is written here. Apache-2.0 and optional: processes need none of it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from edge_runtime.core.extras import missing
from edge_runtime.errors import MissingPart, RunError

from .many import Done, Task, Workers, failed, replay_one

TRIES = 3
LOCAL = "local"
_FIX = (
    "is that its client port (ray start --head --ray-client-server-port=PORT), and is its Ray the one here? "
    "A cluster with tokens takes RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or ~/.ray/auth_token"
)
Work = Callable[[Task], Done]


def in_processes(jobs: int, work: Work = replay_one) -> Workers:
    """Drives on `jobs` processes. When one dies, its drive is tried again on a new one, `TRIES` times in all."""

    def run(tasks: Sequence[Task]) -> Generator[Done, None, None]:
        waiting = deque((task, 1) for task in tasks)
        idle: list[_Process] = []
        busy: dict[Connection, tuple[_Process, Task, int]] = {}
        try:
            while waiting or busy:
                while waiting and len(busy) < jobs:
                    process = idle.pop() if idle else _Process(work)
                    task, attempt = waiting.popleft()
                    process.give(task)
                    busy[process.pipe] = process, task, attempt
                ready = wait(list(busy))
                for pipe in [each for each in busy if each in ready]:
                    process, task, attempt = busy.pop(pipe)
                    done = process.take()
                    if done is not None:
                        idle.append(process)
                        yield done
                        continue
                    ended = process.end()
                    if attempt < TRIES:
                        waiting.appendleft((task, attempt + 1))
                    else:
                        reason = f"the process that replayed it died {TRIES} times, last with {ended}"
                        yield Done(task, failed(task, reason))
        finally:
            for process in (*idle, *(each for each, *_ in busy.values())):
                process.end()

    return run


class _Process:
    """One process that replays what it is given, one drive at a time."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")  # the threads of a network do not survive a fork
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, task: Task) -> None:
        with suppress(OSError):  # one that died while it was idle is noticed when its answer is taken
            self.pipe.send(task)

    def take(self) -> Done | None:
        """What came back; None when the process died instead."""
        try:
            done: Done = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return done

    def end(self) -> str:
        """Kill it, if it still runs, and say how it ended."""
        self.pipe.close()
        self._process.kill()
        self._process.join()
        code = self._process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _serve(pipe: Connection, work: Work) -> None:
    """Until nobody asks any more: the other end closes with the process that holds it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with suppress(EOFError, BrokenPipeError):
        while True:
            task: Task = pipe.recv()
            pipe.send(work(task))


def on_ray(address: str, *, jobs: int | None = None, gpus: float = 0.0, work: Work = replay_one) -> Workers:
    """Drives on the cluster at `ray://HOST:PORT`, or on `jobs` workers of one that is started here (`local`).

    A drive takes a CPU and `gpus` of a GPU. Ray tries the drive of a lost worker again, `TRIES` times in all. Raises
    `RunError` when Ray is not here, does not answer or cannot ever place a drive.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingPart(missing("--cluster", "Ray", "ray")) from error

    def run(tasks: Sequence[Task]) -> Generator[Done, None, None]:
        _connect(ray, address, jobs, gpus)
        try:
            remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=TRIES - 1)(work)
            pending = {remote.remote(task): task for task in tasks}
            while pending:
                ready, _ = ray.wait(list(pending), num_returns=1)
                for reference in ready:
                    task = pending.pop(reference)
                    try:
                        yield ray.get(reference)
                    except ray.exceptions.RayError as error:
                        reason = str(error).strip().splitlines() or [type(error).__name__]
                        yield Done(task, failed(task, f"the cluster gave it up: {reason[0]}"))
        finally:
            ray.shutdown()

    return run


def _connect(ray: Any, address: str, jobs: int | None, gpus: float) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say comes again as the error
            _init(ray, address, jobs)
    except Exception as error:  # gRPC, sockets, versions: Ray hands all of them on, some with the trace of its server
        said = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise RunError(f"the Ray cluster {address} does not answer: {said[-1]}\n    {_FIX}") from error
    there = ray.cluster_resources().get("GPU", 0.0)
    if gpus > there:
        ray.shutdown()
        raise RunError(
            f"a drive takes {gpus:g} GPU, the cluster has {there:g}\n    leave --gpus-per-drive out, or add a node"
        )


def _init(ray: Any, address: str, jobs: int | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=jobs, include_dashboard=False, **quiet)
        return
    for tries_left in reversed(range(TRIES)):
        try:
            ray.init(address, **quiet)
            return
        except ConnectionAbortedError:
            # Ray's server forks a process for every client while gRPC's threads run, and not every one comes up.
            if not tries_left:
                raise
            ray.shutdown()
