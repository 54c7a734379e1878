import numpy as np

from edge_runtime.sources.simulation import render
from edge_runtime.sources.simulation.cover import hidden
from edge_runtime.sources.simulation.light import light_at
from edge_runtime.sources.simulation.view import views

from .drives import drive


def test_what_is_left_out_behind_houses_changes_no_pixel(monkeypatch):
    world = drive(seconds=60.0, size=(1280, 720), speed_kmh=50.0, clutter=1.0)
    left_out = 0
    for index in range(0, 600, 60):
        things, eye = world.things(index), world.camera(index)
        left_out += int(hidden(views(things, eye, world.road)).sum())
        pictures = []
        for covers in (hidden, lambda seen: np.zeros(len(seen), bool)):
            monkeypatch.setattr(render, "hidden", covers)
            image = np.full((720, 1280, 3), 128, np.uint8)
            render.paint_things(image, things, eye, light_at(0, 0.0), world.road)
            pictures.append(image.astype(int))
        changed = np.abs(pictures[0] - pictures[1]).max(axis=2) > 12
        assert changed.mean() < 1e-4
    assert left_out > 20
