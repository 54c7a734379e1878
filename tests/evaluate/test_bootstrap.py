from __future__ import annotations

import numpy as np

from edge_runtime.evaluate.bootstrap import draw, interval


def test_every_resample_draws_as_many_blocks_as_there_are():
    weights = draw(frames=100, block=10, resamples=50, seed=3)
    assert weights.shape == (50, 100)
    assert (weights.sum(axis=1) == 100).all()


def test_frames_of_a_block_are_drawn_together():
    weights = draw(frames=25, block=10, resamples=20, seed=3)
    assert (weights[:, :10] == weights[:, :1]).all()
    assert (weights[:, 20:] == weights[:, 20:21]).all()


def test_a_seed_draws_the_same_again_and_another_does_not():
    first, again, other = (draw(40, 2, 10, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_the_interval_of_a_mean_is_the_one_statistics_gives():
    values = np.random.default_rng(0).normal(5.0, 1.0, 400)
    means = draw(400, 1, 2000, 0) @ values / 400
    low, high = interval(means) or (0.0, 0.0)
    assert abs((high - low) / 2 - 1.96 / 20) < 0.015
    assert low < 5.05 < high + 0.1


def test_an_interval_of_what_mostly_cannot_be_measured_is_unknown():
    assert interval(np.array([np.nan, np.nan, 0.5])) is None
    assert interval(np.array([np.nan, 0.5, 0.5])) == (0.5, 0.5)
