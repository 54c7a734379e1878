import numpy as np
import pytest

from edge_runtime.sources.simulation import paint
from edge_runtime.sources.simulation.labels import labels_of
from edge_runtime.sources.simulation.light import light_at
from edge_runtime.sources.simulation.render import paint_things
from edge_runtime.sources.simulation.things import Thing
from edge_runtime.sources.simulation.traffic import vehicle, walker
from edge_runtime.sources.simulation.view import views

from .drives import camera, drive


def light(ahead_m, y=-5.35, z=5.0, state="green", arrow=None, form=1):
    return Thing(1, "traffic light", (ahead_m, y, z), (0.2, 0.62, 1.2), ahead_m, category="traffic light",
                 state=state, arrow=arrow, shape=form)  # fmt: skip


def sign(ahead_m, model="speed_50", y=-9.0):
    return Thing(2, model, (ahead_m, y, 2.5), (0.02, 0.7, 0.7), ahead_m, category="traffic sign")


def coverage(seen, size):
    """How much of every pixel the solid faces cover when they alone are painted."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    colours = np.full((len(seen.shown), 4), 255, np.uint8)
    colours[~seen.mesh.is_solid] = 0
    paint.faces(image, seen, colours)
    return image[..., 0] / 255


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


THINGS = {
    "car ahead": vehicle(1, False, 60.0, -5.0, 0.3, 0.1, (1.0, 0.0)),
    "car coming": vehicle(1, False, 35.0, 1.9, 0.7, 0.5, (-1.0, 0.0)),
    "car from the side": vehicle(1, False, 45.0, -12.0, 0.1, 0.2, (0.0, 1.0)),
    "truck": vehicle(1, True, 80.0, -2.0, 0.5, 0.5, (1.0, 0.0)),
    "far car": vehicle(1, False, 190.0, -5.35, 0.5, 0.5, (1.0, 0.0)),
    "person": walker(1, 30.0, -9.0, 1.8, 3, 0.4, True),
    "far person": walker(1, 120.0, -9.0, 1.7, 3, 0.0, False),
    "light": light(40.0),
    "far light": light(150.0, state="red"),
    "sign": sign(50.0),
    "far sign": sign(140.0, "yield"),
    "car half outside": vehicle(1, False, 9.0, -9.6, 0.3, 0.1, (1.0, 0.0)),
}


@pytest.mark.parametrize("name", THINGS)
def test_a_label_is_the_box_of_what_is_painted(name):
    eye = camera()
    (seen,) = views([THINGS[name]], eye)
    (label,) = labels_of([THINGS[name]], eye)
    assert label.xyxy == pytest.approx(box_of(coverage(seen, eye.size) > 0.4), abs=1.0)
    assert 0 <= label.xyxy[0] < label.xyxy[2] <= 1920
    assert 0 <= label.xyxy[1] < label.xyxy[3] <= 1080


def test_taking_a_sign_out_of_a_street_changes_the_pixels_of_its_label_and_no_others():
    world = drive(seconds=30.0, size=(1280, 720), speed_kmh=50.0)
    whole = [(index, label) for index in range(0, 300, 9) for label in world.labels(index)
             if label.sign and label.visibility == 1]  # fmt: skip
    assert len(whole) > 5
    for index, label in whole[::3]:
        things, eye = world.things(index), world.camera(index)
        pictures = []
        for shown in (things, [thing for thing in things if thing.identity != label.identity]):
            image = np.full((720, 1280, 3), (0, 255, 0), np.uint8)
            paint_things(image, shown, eye, light_at(0, 0.0), world.road)
            pictures.append(image)
        changed = np.abs(pictures[0].astype(int) - pictures[1]).max(axis=2) > 10
        assert label.xyxy == pytest.approx(box_of(changed), abs=1.25)


@pytest.mark.parametrize(("thing", "height_m"), [(light(120.0), 1.2), (light(120.0, form=0), 1.08), (sign(75.0), 0.7)])
def test_the_height_of_a_box_is_that_of_the_thing_over_its_distance(thing, height_m):
    (label,) = labels_of([thing], camera())
    assert label.xyxy[3] - label.xyxy[1] == pytest.approx(1663.0 * height_m / label.distance_m, rel=0.01)


def test_the_distance_of_a_car_is_that_of_its_rear():
    (label,) = labels_of([vehicle(1, False, 60.0, -5.0, 0.3, 0.1, (1.0, 0.0))], camera(xyz_m=(20.0, -5.35, 1.4)))
    assert label.distance_m == pytest.approx(60.0 - 4.7 / 2 - 20.0, abs=0.02)


def test_visibility_is_the_share_that_nothing_nearer_covers():
    world = drive(seconds=30.0, size=(1280, 720), speed_kmh=50.0)
    index, checked = 120, 0
    eye = world.camera(index)
    seen_things = views(world.things(index), eye, world.road)
    labels = {label.identity: label for label in world.labels(index)}
    masks = [coverage(seen, eye.size) > 0.5 for seen in seen_things]
    for number, seen in enumerate(seen_things):
        x0, y0, x1, y1 = seen.box
        large = masks[number].sum() > 300 and min(x0, y0, 1280 - x1, 720 - y1) >= 0
        if seen.thing.category is None or not large:
            continue
        covered = np.logical_or.reduce(masks[number + 1 :], initial=False)
        share = (masks[number] & ~covered).sum() / masks[number].sum()
        label = labels.get(seen.thing.identity)
        assert (label.visibility if label else 0.0) == pytest.approx(share, abs=0.06)
        checked += 0.05 < share < 0.95
    assert checked >= 3


def test_what_reaches_out_of_the_picture_is_less_visible_and_its_box_ends_there():
    (label,) = labels_of([light(12.0, y=-5.35, z=5.3)], camera())
    assert label.xyxy[1] == 0
    assert 0.3 < label.visibility < 0.9


def test_a_car_behind_a_truck_is_not_labelled():
    car, truck = (
        vehicle(1, False, 80.0, -5.35, 0.1, 0.1, (1.0, 0.0)),
        vehicle(2, True, 40.0, -5.35, 0.5, 0.1, (1.0, 0.0)),
    )
    assert [label.category for label in labels_of([car, truck], camera())] == ["truck"]


def test_a_camera_with_nothing_ahead_has_no_labels():
    assert labels_of([], camera()) == ()
