from edge_runtime.evaluate.profile_pareto import front, thin


def kept(points):
    """Points as name: (usefulness, cost, ...)."""
    return [name for name, *_ in front([(name, *values) for name, values in points.items()], useful, spent)]


def useful(point):
    return point[1]


def spent(point):
    return point[2:]


def test_a_point_that_is_less_useful_and_costs_no_less_is_not_kept():
    assert kept({"best": (0.9, 10.0), "worse": (0.8, 10.0), "dear": (0.7, 12.0), "cheap": (0.5, 4.0)}) == [
        "best",
        "cheap",
    ]


def test_one_lower_cost_among_several_is_enough():
    assert kept({"best": (0.9, 10.0, 5.0), "quick": (0.8, 11.0, 2.0)}) == ["best", "quick"]


def test_a_saving_that_lies_within_the_noise_counts_as_none():
    assert kept({"best": (0.9, 10.0), "same": (0.8999, 9.9)}) == ["best"]


def test_of_two_that_are_equally_useful_the_cheaper_stays():
    assert kept({"dear": (0.9, 10.0), "cheap": (0.9, 5.0)}) == ["cheap"]


def test_the_cheapest_point_is_always_kept():
    points = {f"p{n}": (0.5 + 0.01 * n, 10.0 + n * n) for n in range(10)}
    assert kept(points)[-1] == "p0"


def test_thinning_keeps_both_ends_and_the_order():
    values = [5.0, 1.0, 2.0, 3.0, 4.0, 9.0]
    chosen = thin(values, 3, lambda value: value)
    assert chosen == [5.0, 1.0, 9.0]
    assert thin(values, 6, lambda value: value) == values
    assert thin(values, 1, lambda value: value) == [1.0]
