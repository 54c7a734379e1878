from edge_runtime.pipeline.admission import Admission

MS = 1_000_000


class Drive:
    """Frames that take `network_ms` in the networks and `front_ms` in front, with the clock in our hand."""

    def __init__(self, network_ms, front_ms=1.0):
        self.admission, self.network_ms, self.front_ms = Admission(), network_ms, front_ms
        self.now_ms = 0.0
        self.done_ms = []

    def launch(self):
        taken = self.now_ms
        self.now_ms += self.front_ms
        self.admission.launched(int(taken * MS), int(self.now_ms * MS))
        start = max([self.now_ms, *self.done_ms])
        self.done_ms.append(start + self.network_ms)

    def finish(self):
        self.now_ms = max(self.now_ms, self.done_ms.pop(0))
        self.admission.finished(int(self.now_ms * MS))

    def due_ms(self):
        due_ns = self.admission.due_ns()
        return None if due_ns is None else due_ns / MS


def test_nothing_in_flight_means_at_once():
    drive = Drive(20)
    assert drive.due_ms() is None
    drive.launch()
    drive.finish()
    assert drive.due_ms() is None


def test_a_steady_network_gets_its_next_frame_just_before_it_is_free():
    drive = Drive(network_ms=70, front_ms=1)
    drive.launch()
    for _ in range(40):
        drive.now_ms = max(drive.now_ms, drive.due_ms() or 0.0)
        drive.launch()
        free_ms = drive.done_ms[0]
        drive.finish()
    due_ms = drive.due_ms()
    free_ms = drive.done_ms[0]
    assert due_ms is not None
    assert free_ms - 5 < due_ms < free_ms - drive.front_ms, "fresh, and ready when the network is"


def test_a_network_of_changing_duration_is_given_its_frame_earlier():
    steady, jittery = Drive(70), Drive(70)
    for drive in (steady, jittery):
        drive.launch()
        for n in range(60):
            if drive is jittery:
                drive.network_ms = 50 if n % 2 else 90
            drive.launch()
            drive.finish()
    margin = {drive: drive.admission._head_since_ns / MS + 70 - (drive.due_ms() or 0) for drive in (steady, jittery)}
    assert margin[jittery] > margin[steady] + 20


def test_a_network_that_becomes_slower_is_learned():
    drive = Drive(20)
    drive.launch()
    for n in range(80):
        drive.network_ms = 20 if n < 20 else 60
        drive.launch()
        drive.finish()
    due_ms = drive.due_ms()
    assert due_ms is not None
    assert drive.done_ms[0] - due_ms < 10
