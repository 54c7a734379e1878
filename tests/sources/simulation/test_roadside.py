import pytest

from edge_runtime.sources.simulation import oddments
from edge_runtime.sources.simulation.layout import BEFORE_M
from edge_runtime.sources.simulation.roadside import oddments_of
from edge_runtime.sources.simulation.things import Thing

from .drives import drive

STREET = ["street", "crossing", "street"] * 8
HOUSE = Thing(1, "house", (0.0, -20.5, 0.0), (1000.0, 14.0, 10.0), 500.0)


def models(things):
    return {thing.model.split()[0] for thing in things}


def test_a_street_has_shop_signs_flags_and_the_backs_of_lights_and_no_clutter_is_none():
    things = oddments_of(3, -BEFORE_M, STREET, [HOUSE], 1.0)
    assert models(things) >= {"board", "lightbox", "planter", "flag", "light", "sign", "beacon"}
    assert oddments_of(3, -BEFORE_M, STREET, [HOUSE], 0.0) == ()


def test_more_clutter_is_more_things():
    few, many = (len(oddments_of(3, -BEFORE_M, STREET, [HOUSE], clutter)) for clutter in (0.2, 0.9))
    assert many > 1.5 * few


def test_shop_signs_hang_where_houses_are_and_nothing_stands_in_a_house():
    things = [*oddments_of(3, -BEFORE_M, STREET, [HOUSE], 1.0), *oddments_of(3, -BEFORE_M, STREET, [], 1.0)]
    assert {thing.xyz_m[1] < 0 for thing in things if thing.model in ("board", "lightbox")} == {True}
    with_house = oddments_of(3, -BEFORE_M, STREET, [HOUSE], 1.0)
    assert not [thing for thing in with_house if -27.5 < thing.xyz_m[1] < -13.5]


def test_nothing_of_it_is_labelled():
    world = drive(clutter=1.0, seconds=20.0)
    assert models(world.layout.things) & oddments.MODELS
    assert {thing.category for thing in world.layout.things if thing.model in oddments.MODELS} == {None}
    plain, cluttered = drive(clutter=0.0, traffic=0.0), drive(clutter=1.0, traffic=0.0)
    assert {label.identity for label in cluttered.labels(5)} <= {label.identity for label in plain.labels(5)}


@pytest.mark.parametrize("model", sorted(oddments.MODELS))
def test_every_oddment_has_a_shape_in_every_form(model):
    assert all(len(oddments.mesh(model, variant).material) > 0 for variant in range(12))
