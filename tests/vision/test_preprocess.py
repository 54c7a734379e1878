import cv2
import numpy as np
import pytest

from edge_runtime.config.schema import InputBlock
from edge_runtime.core import Region
from edge_runtime.vision.preprocess import Preprocessor

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@pytest.fixture
def image():
    noise = np.random.default_rng(1).integers(0, 256, (54, 96, 3), dtype=np.uint8)
    noise.setflags(write=False)
    return noise


def block(**keys):
    defaults = {"size": (48, 40), "resize": "letterbox", "color": "bgr", "scale": 1.0}
    return InputBlock(**{**defaults, **keys})


def expected_row(image, settings, view, picture):
    """The row by the plain formula in double precision."""
    left, top, right, bottom = picture
    width, height = settings.size
    canvas = np.full((height, width, 3), settings.pad, np.uint8)
    crop = image[view[1] : view[3], view[0] : view[2]]
    canvas[top:bottom, left:right] = cv2.resize(crop, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    values = canvas[..., ::-1] if settings.color == "rgb" else canvas
    values = (values * np.float64(settings.scale) - np.array(settings.mean)) / np.array(settings.std)
    if settings.dtype == "uint8":
        values = np.clip(np.rint(values), 0, 255)
    return (values.transpose(2, 0, 1) if settings.layout == "nchw" else values).astype(settings.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(
    "values",
    [
        {"color": "bgr", "scale": 1.0},
        {"color": "rgb", "scale": 1.0, "pad": 0},
        {"color": "rgb", "scale": 1 / 255},
        {"color": "rgb", "scale": 1 / 255, **IMAGENET},
        {"color": "bgr", "scale": 1.0, "mean": 127.5, "std": 127.5},
    ],
    ids=["as it is", "rgb", "0..1", "imagenet", "-1..1"],
)
@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox_top_left"])
@pytest.mark.parametrize(
    "region", [(0, 0, 96, 54), (10, 3, 45, 53), (20, 10, 68, 50)], ids=["all", "tall", "same size"]
)
def test_a_row_is_the_formula_to_the_last_bit(image, dtype, layout, values, resize, region):
    settings = block(dtype=dtype, layout=layout, resize=resize, **values)
    preprocessor = Preprocessor(settings)
    batch = np.full((3, *preprocessor.row_shape), 7, dtype)
    view = preprocessor.write(image, Region(region), batch[1])
    assert view.view == region
    np.testing.assert_array_equal(batch[1], expected_row(image, settings, region, view.picture))
    assert (batch[[0, 2]] == 7).all(), "the neighbours in the batch are untouched"


def test_a_row_used_before_holds_nothing_of_the_picture_before(image):
    preprocessor = Preprocessor(block())
    fresh, used = (np.empty(preprocessor.row_shape, np.float32) for _ in range(2))
    preprocessor.write(image, Region((0, 0, 20, 54)), used)
    preprocessor.write(image, Region((0, 0, 96, 54)), used)
    Preprocessor(block()).write(image, Region((0, 0, 96, 54)), fresh)
    np.testing.assert_array_equal(used, fresh)


def test_the_picture_is_not_written_to(image):
    before = image.copy()
    preprocessor = Preprocessor(block(size=(96, 54), color="rgb", layout="nhwc"))
    preprocessor.write(image, Region((0, 0, 96, 54)), np.empty(preprocessor.row_shape, np.float32))
    np.testing.assert_array_equal(image, before)


def test_a_row_of_another_shape_or_type_is_refused(image):
    preprocessor = Preprocessor(block())
    with pytest.raises(ValueError, match=r"\(3, 40, 48\) float32, got \(3, 48, 40\) float32"):
        preprocessor.write(image, Region((0, 0, 96, 54)), np.empty((3, 48, 40), np.float32))
    with pytest.raises(ValueError, match=r"got \(3, 40, 48\) float16"):
        preprocessor.write(image, Region((0, 0, 96, 54)), np.empty((3, 40, 48), np.float16))


def test_a_view_beyond_the_image_is_refused(image):
    preprocessor = Preprocessor(block())
    with pytest.raises(ValueError, match=r"leaves the image of 96x54"):
        preprocessor.write(image, Region((0, 0, 97, 54)), np.empty((3, 40, 48), np.float32))
