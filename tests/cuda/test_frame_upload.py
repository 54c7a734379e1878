import numpy as np

from edge_runtime.core import Frame
from edge_runtime.cuda.frame_upload import FrameUpload
from tests.cuda.recorder import RecordingGpu


def frame(frame_id, shape=(6, 10, 3)):
    return Frame(frame_id, "front", 0, np.full(shape, frame_id, np.uint8))


def on_gpu(gpu, found):
    return gpu.at(found.address)[1][: found.pitch * found.height].reshape(found.height, found.width, 3)


def uploading(depth=2, **options):
    gpu = RecordingGpu(**options)
    return gpu, FrameUpload(gpu, stream=gpu.stream("copies"), depth=depth)


def test_a_frame_goes_up_once_however_many_networks_ask():
    gpu, upload = uploading()
    road = frame(7)
    first, second = upload.upload(0, road), upload.upload(0, road)
    assert first is second
    assert gpu.calls["copy_in"] == 1
    first.ready.wait()
    assert (on_gpu(gpu, first) == 7).all()
    assert (first.width, first.height, first.pitch) == (10, 6, 30)


def test_another_frame_with_the_same_picture_goes_up_again():
    gpu, upload = uploading()
    image = np.zeros((6, 10, 3), np.uint8)
    for frame_id in (1, 2):
        upload.upload(0, Frame(frame_id, "front", 0, image)).ready.wait()
    assert gpu.calls["copy_in"] == 2


def test_nothing_is_allocated_after_the_first_round():
    gpu, upload = uploading()
    for frame_id in range(2):
        upload.upload(frame_id % 2, frame(frame_id)).ready.wait()
    before = gpu.synchronising()
    for frame_id in range(2, 50):
        upload.upload(frame_id % 2, frame(frame_id)).ready.wait()
    assert gpu.synchronising() == before
    assert gpu.races == []


def test_a_larger_frame_gets_more_room_and_the_smaller_one_is_freed():
    gpu, upload = uploading(depth=1)
    upload.upload(0, frame(1)).ready.wait()
    found = upload.upload(0, frame(2, (12, 20, 3)))
    found.ready.wait()
    assert (on_gpu(gpu, found) == 2).all()
    assert gpu.allocated_bytes == 12 * 20 * 3


def test_a_pinned_image_is_fetched_from_where_it_is():
    gpu, upload = uploading()
    image = np.full((6, 10, 3), 9, np.uint8)
    upload.pin(image)
    found = upload.upload(0, Frame(1, "front", 0, image))
    found.ready.wait()
    assert (on_gpu(gpu, found) == 9).all()
    assert gpu.calls["copy_in"] == 1


def test_where_memory_is_shared_a_pinned_image_is_not_copied_at_all():
    gpu, upload = uploading(shares_memory=True)
    image = np.full((6, 10, 3), 9, np.uint8)
    upload.pin(image)
    found = upload.upload(0, Frame(1, "front", 0, image))
    assert found.address == image.ctypes.data
    assert gpu.calls["copy_in"] == gpu.calls["mirror"] == 0


def test_part_of_a_larger_image_goes_up_without_gaps():
    gpu, upload = uploading()
    large = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    found = upload.upload(0, Frame(1, "front", 0, large[3:9, 5:15]))
    found.ready.wait()
    assert np.array_equal(on_gpu(gpu, found), large[3:9, 5:15])


def test_a_place_used_again_too_early_is_a_race():
    gpu, upload = uploading(depth=1)
    upload.upload(0, frame(1))
    upload.upload(0, frame(2))
    gpu.finish()
    assert gpu.races
