from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.core.quantiles import Quantiles


def test_nothing_added_has_no_quantile():
    assert Quantiles().quantile_ms(0.5) is None


@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=300), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_quantiles_are_within_one_percent_of_the_exact_ones(values, q):
    quantiles = Quantiles()
    for value in values:
        quantiles.add(value)
    exact = sorted(values)[min(len(values) - 1, int(q * len(values)))]
    got = quantiles.quantile_ms(q)
    assert got is not None
    assert abs(got - exact) <= 0.0101 * exact
    assert got <= max(values)


def test_values_outside_the_range_are_kept_at_its_ends():
    quantiles = Quantiles()
    for value in (0.0, 1e9):
        quantiles.add(value)
    assert quantiles.quantile_ms(0.0) == 1e-3
    assert (quantiles.quantile_ms(1.0) or 0.0) > 9e5


@given(st.lists(st.floats(0.01, 1e5), max_size=100), st.floats(0.02, 1e4))
def test_counts_below_a_bound_and_the_total_are_right_within_one_percent(values, bound):
    quantiles = Quantiles()
    for value in values:
        quantiles.add(value)
    (count,) = quantiles.at_most([bound])
    assert sum(value <= 0.98 * bound for value in values) <= count <= sum(value <= 1.02 * bound for value in values)
    assert abs(quantiles.total_ms - sum(values)) <= 0.0101 * sum(values)
