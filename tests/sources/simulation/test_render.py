from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.sources.simulation.light import light_at
from edge_runtime.sources.simulation.render import Renderer, paint_things
from edge_runtime.sources.simulation.road import STRAIGHT
from edge_runtime.sources.simulation.things import Thing
from edge_runtime.sources.simulation.traffic import vehicle

from .drives import block, camera, drive

# Where the lamp of a state is, in metres above the middle of its light.
LAMP_UP_M = {"red": 0.36, "yellow": 0.0, "green": -0.36}


def is_colour(pixel, state):
    blue, green, red = (int(value) for value in pixel)
    return {
        "red": red > 140 and red > 2 * green,
        "yellow": red > 120 and green > 80 and red > 1.5 * blue and green > 1.3 * blue,
        "green": green > 120 and green > 1.4 * red,
    }[state]


def lamp_pixel(image, eye, thing, state, road=STRAIGHT):
    x, y, z = thing.xyz_m
    point = np.array([[x, y, z + LAMP_UP_M[state] * thing.scale]])
    x, y = eye.project(road.world(point))[0][0]
    return image[int(y), int(x)]


@pytest.mark.parametrize("state", ["red", "yellow", "green"])
@pytest.mark.parametrize(
    ("ahead_m", "arrow"), [(25.0, None), (80.0, None), (150.0, None), (25.0, "left"), (80.0, "right")]
)
def test_the_lamp_that_is_lit_has_its_colour(ahead_m, state, arrow):
    eye = camera()
    image = np.full((1080, 1920, 3), 150, np.uint8)
    thing = Thing(1, "traffic light", (ahead_m, -5.3, 4.6), (0.2, 0.62, 1.2), ahead_m, category="traffic light",
                  state=state, arrow=arrow)  # fmt: skip
    paint_things(image, [thing], eye, light_at(0, 0.0))
    assert is_colour(lamp_pixel(image, eye, thing, state), state)
    for other in LAMP_UP_M.keys() - {state}:
        assert not is_colour(lamp_pixel(image, eye, thing, other), other)


def test_lights_in_a_whole_picture_have_their_colour_at_100_to_150_m():
    world = drive(seconds=60.0, size=(1920, 1080), speed_kmh=50.0, bounce_deg=0.0)
    found = [(index, label) for index in range(0, 600, 30) for label in world.labels(index)
             if label.state and not label.arrow and 100 < label.distance_m < 150 and label.visibility == 1]  # fmt: skip
    assert len(found) >= 4
    for index, label in found[:6]:
        light = next(thing for thing in world.things(index) if thing.identity == label.identity)
        picture = Renderer(world).picture(index)
        assert is_colour(lamp_pixel(picture, world.camera(index), light, label.state, world.road), label.state)


def test_an_aged_lamp_is_dimmer_and_keeps_its_colour():
    eye = camera()

    def lamp(glow):
        image = np.full((1080, 1920, 3), 150, np.uint8)
        thing = Thing(1, "traffic light", (40.0, -5.3, 4.6), (0.2, 0.37, 1.08), 40.0, category="traffic light",
                      state="red", glow=glow)  # fmt: skip
        paint_things(image, [thing], eye, light_at(0, 0.0))
        return lamp_pixel(image, eye, thing, "red")

    assert lamp(0.5)[2] < 0.85 * lamp(1.0)[2]
    assert is_colour(lamp(0.5), "red")


def test_a_car_that_brakes_or_blinks_shows_it_by_day():
    eye = camera()

    def brightest(**shown):
        image = np.zeros((1080, 1920, 3), np.uint8)
        car = replace(vehicle(1, False, 25.0, -5.35, 0.3, 0.1, (1.0, 0.0)), **shown)
        paint_things(image, [car], eye, light_at(0, 0.0))
        blue, green, red = (image[..., channel].astype(int) for channel in range(3))
        return (red - 2 * green).max(), (np.minimum(red - green, green - blue)).max()

    red, amber = brightest()
    assert brightest(brakes=True)[0] > red + 30
    assert brightest(blinks=True)[1] > amber + 15


def test_the_same_seed_paints_the_same_bytes_in_any_order():
    forward = Renderer(drive(seed=5, rain=0.3, lighting="drive"))
    backward = Renderer(drive(seed=5, rain=0.3, lighting="drive"))
    indices = (0, 13, 27, 39)
    late_first = {index: backward.picture(index) for index in reversed(indices)}
    assert all(forward.picture(index).tobytes() == late_first[index].tobytes() for index in indices)


def test_another_seed_paints_another_picture():
    assert (Renderer(drive(seed=1)).picture(3) != Renderer(drive(seed=2)).picture(3)).mean() > 0.2


def test_a_part_of_a_picture_is_painted_as_in_the_whole():
    renderer = Renderer(drive(size=(1280, 720)))
    whole, part = renderer.picture(12), renderer.picture(12, (400, 200, 900, 560))
    assert part.shape == (360, 500, 3)
    assert np.abs(whole[200:560, 400:900].astype(int) - part).mean() < 2.5


def test_dusk_is_darker_than_noon_and_night_darker_than_dusk():
    noon, dusk, night = (Renderer(drive(lighting=word)).picture(10).mean() for word in ("noon", "dusk", "night"))
    assert night < 0.5 * dusk < 0.5 * noon


def test_a_drive_through_the_day_ends_at_night():
    renderer = Renderer(drive(lighting="drive"))
    assert renderer.picture(39).mean() < 0.4 * renderer.picture(0).mean()


def test_rain_falls_through_the_picture():
    def change(rain):
        standing = Renderer(drive(rain=rain, speed_kmh=0.0))
        return np.abs(standing.picture(10)[:60].astype(int) - standing.picture(11)[:60]).mean()

    assert change(1.0) > 1.5 * change(0.0)


def test_the_headlights_light_the_road_ahead_and_not_the_roadside():
    picture = Renderer(drive(lighting="night", size=(1280, 720), traffic=0.0)).picture(10)
    assert picture[520:560, 600:680].mean() > 1.5 * picture[520:560, 0:60].mean()


def test_a_long_exposure_smears_what_is_driven_past():
    sharp, smeared = (
        Renderer(drive(exposure_ms=ms, speed_kmh=110.0, bounce_deg=0.0)).picture(10) for ms in (0.0, 40.0)
    )

    def detail(image):
        return np.abs(np.diff(image[200:].astype(int), axis=0)).mean()

    assert detail(smeared) < 0.85 * detail(sharp)


def test_every_size_and_field_of_view_fills_the_whole_picture():
    for size, fov_deg, pitch_deg in (((64, 64), 20.0, 0.0), ((333, 717), 120.0, 10.0), ((3840, 2160), 60.0, -10.0)):
        world = drive(size=size, fov_deg=fov_deg, camera_pitch_deg=pitch_deg)
        picture = Renderer(world).picture(1)
        assert picture.shape == (size[1], size[0], 3)
        assert picture.std() > 5


def test_a_standing_vehicle_keeps_its_view():
    world = drive(speed_kmh=0.0, traffic=0.0)
    assert world.labels(0)
    assert [one.xyxy for one in world.labels(0)] == [one.xyxy for one in world.labels(30)]
    assert block(speed_kmh=0.0).speed_kmh == 0
