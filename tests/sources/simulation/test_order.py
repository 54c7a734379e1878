from edge_runtime.sources.simulation.order import painting_order
from edge_runtime.sources.simulation.road import STRAIGHT
from edge_runtime.sources.simulation.things import Thing
from edge_runtime.sources.simulation.traffic import vehicle

from .drives import drive

EYE_M = (0.0, -5.35)


def painted(*things):
    return [thing.identity for thing in painting_order(things, STRAIGHT, EYE_M)]


def test_of_two_in_one_lane_the_farther_is_painted_first():
    near, far = (vehicle(number, False, x, -5.35, 0.1, 0.1, (1.0, 0.0)) for number, x in ((1, 30.0), (2, 60.0)))
    assert painted(near, far) == [2, 1]


def test_a_car_beside_a_truck_covers_it_from_the_lane_that_is_nearer():
    truck = vehicle(1, True, 40.0, 5.35, 0.5, 0.1, (-1.0, 0.0))
    car = vehicle(2, False, 42.0, 1.85, 0.1, 0.1, (-1.0, 0.0))
    assert painted(car, truck) == [1, 2]


def test_a_truck_in_the_nearer_lane_covers_the_car_beside_it():
    truck = vehicle(1, True, 40.0, 1.85, 0.5, 0.1, (-1.0, 0.0))
    car = vehicle(2, False, 38.0, 5.35, 0.1, 0.1, (-1.0, 0.0))
    assert painted(car, truck) == [2, 1]


def test_a_barrier_covers_who_comes_and_not_who_drives_ahead():
    barrier = Thing(1, "barrier 12.0", (36.0, 0.0, 0.0), (12.0, 0.6, 0.85), 30.0)
    coming = vehicle(2, True, 33.0, 1.85, 0.5, 0.1, (-1.0, 0.0))
    ahead = vehicle(3, False, 40.0, -1.85, 0.1, 0.1, (1.0, 0.0))
    assert painted(ahead, barrier, coming) == [2, 1, 3]


def test_ordering_loses_and_doubles_nothing():
    world = drive(traffic=1.0, seconds=20.0)
    for index in range(0, 200, 20):
        things = world.things(index)
        assert len({thing.identity for thing in things}) == len(things) > 20
