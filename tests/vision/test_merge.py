import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.core import ClassGroups, ClassTable, Detections
from edge_runtime.vision.merge import ViewBoxes, merge_views
from edge_runtime.vision.nms import iou_matrix
from edge_runtime.vision.resize import plan_view

CAR, TRUCK, PERSON = 0, 1, 2
CLASSES = ClassTable(["car", "truck", "person"])
VEHICLES = ClassGroups({"vehicle": ("car", "truck")}, CLASSES)
ALONE = ClassGroups()
FRAME = (100, 100)
RECTANGLES = [(0, 0, 100, 100), (0, 0, 50, 50), (25, 25, 75, 75), (40, 0, 100, 60)]


def view(rectangle, boxes, frame=FRAME, size=(50, 50)):
    transform = plan_view(rectangle, size, "stretch")
    return ViewBoxes(boxes, transform, frame)


def whole(boxes, frame=FRAME):
    return view((0, 0, *frame), boxes, frame, size=frame)


def found(*rows):
    """Rows of x0, y0, x1, y1, confidence and class."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Detections.of(table[:, :4], table[:, 4], table[:, 5])


@st.composite
def views(draw, most=5, rectangles=RECTANGLES):
    drawn = []
    for rectangle in draw(st.lists(st.sampled_from(rectangles), max_size=4)):
        x0, y0, x1, y1 = rectangle
        rows = []
        for _ in range(draw(st.integers(0, most))):
            xs = sorted(draw(st.integers(x0, x1)) for _ in range(2))
            ys = sorted(draw(st.integers(y0, y1)) for _ in range(2))
            confidence = draw(st.sampled_from([0.3, 0.5, 0.9]))
            rows.append((xs[0], ys[0], xs[1], ys[1], confidence, draw(st.sampled_from([CAR, TRUCK, PERSON]))))
        drawn.append(view(rectangle, found(*rows)))
    return drawn


def overlap_as_placed(a, b, pixel):
    """Intersection over union of every box of `a` with every one of `b`, once the edges of either came nearer."""
    overlap = np.zeros((len(a), len(b)))
    for i, j in np.ndindex(overlap.shape):
        for one, other in ((a[i], b[j]), (b[j], a[i])):
            nearer = other + np.clip(one - other, -pixel, pixel)
            overlap[i, j] = max(overlap[i, j], iou_matrix(one[None], nearer[None])[0, 0])
    return overlap


thresholds = st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0])
all_groups = st.sampled_from([ALONE, VEHICLES])


def rows(boxes):
    columns = (boxes.xyxy.tolist(), boxes.confidence.tolist(), boxes.class_id.tolist(), boxes.track_id.tolist())
    return [(*xyxy, *rest) for xyxy, *rest in zip(*columns, strict=True)]


@given(views(), all_groups, thresholds)
def test_every_merged_box_is_one_that_went_in(parts, groups, iou):
    given_rows = [row for part in parts for row in rows(part.detections)]
    for row in rows(merge_views(parts, groups, iou)):
        given_rows.remove(row)


@given(views(), all_groups, thresholds, st.randoms())
def test_neither_the_order_of_views_nor_that_of_rows_matters(parts, groups, iou, random):
    shuffled = []
    for part in parts:
        order = np.array(random.sample(range(len(part.detections)), len(part.detections)), np.intp)
        shuffled.append(ViewBoxes(part.detections.take(order), part.view, part.frame_size))
    random.shuffle(shuffled)
    assert rows(merge_views(shuffled, groups, iou)) == rows(merge_views(parts, groups, iou))


@given(views(), all_groups, thresholds)
def test_merging_again_changes_nothing(parts, groups, iou):
    once = merge_views(parts, groups, iou)
    assert rows(merge_views([whole(once)], groups, iou)) == rows(once)


@given(views(), thresholds)
def test_no_two_boxes_of_a_group_and_two_classes_are_one_object(parts, iou):
    merged = merge_views(parts, VEHICLES, iou)
    group = VEHICLES.group_of(merged.class_id)
    rival = (iou_matrix(merged.xyxy, merged.xyxy) > iou) & (group[:, None] == group)
    assert not (rival & (merged.class_id[:, None] != merged.class_id)).any()


@given(views(), thresholds)
def test_a_lost_box_shares_area_with_one_of_its_class_that_stays_or_fills_its_view(parts, iou):
    merged = merge_views(parts, ALONE, iou)
    kept = set(rows(merged))
    for part in parts:
        x0, y0, x1, y1 = part.view.view
        for row in rows(part.detections):
            near = merged.xyxy[merged.class_id == row[5]]
            shared = (np.minimum(near[:, 2:], row[2:4]) > np.maximum(near[:, :2], row[:2])).all(axis=1)
            fills = row[2] - row[0] >= x1 - x0 - 6 or row[3] - row[1] >= y1 - y0 - 6
            assert row in kept or shared.any() or fills


@given(views(most=6, rectangles=RECTANGLES[:1]), thresholds)
def test_what_one_view_kept_apart_gives_way_to_as_many_boxes_or_stays(parts, iou):
    """Without borders: per class, the merged set has at least as many boxes as any single view."""
    merged = merge_views(parts, ALONE, iou)
    for part in parts:
        for class_id in (CAR, TRUCK, PERSON):
            assert np.sum(merged.class_id == class_id) >= np.sum(part.detections.class_id == class_id)


@given(views(most=6, rectangles=RECTANGLES[:1]), thresholds)
def test_no_object_is_lost_that_nothing_else_marks(parts, iou):
    merged = merge_views(parts, ALONE, iou)
    kept = set(rows(merged))
    everything = Detections.concatenate([part.detections for part in parts])
    covers = overlap_as_placed(everything.xyxy, merged.xyxy, pixel=2) > iou
    covers &= everything.class_id[:, None] == merged.class_id
    for row, covered in zip(rows(everything), covers.any(axis=1), strict=True):
        assert covered or row in kept


def test_a_car_seen_by_two_networks_is_reported_once_by_the_surer_one():
    one = found([10, 10, 50, 50, 0.6, CAR], [60, 10, 95, 50, 0.9, CAR])
    other = found([11, 10, 50, 49, 0.8, CAR], [10, 10, 50, 50, 0.7, PERSON])
    merged = merge_views([whole(one), whole(other)], VEHICLES, 0.5)
    np.testing.assert_allclose(merged.confidence, [0.9, 0.8, 0.7])
    np.testing.assert_array_equal(merged.class_id, [CAR, CAR, PERSON])


@pytest.mark.parametrize("together", [True, False], ids=["by_one_view", "by_two_views"])
def test_an_object_seen_as_car_and_truck_gets_the_class_of_the_better_score(together):
    car, truck = found([10, 10, 60, 60, 0.6, CAR]), found([10, 12, 60, 60, 0.7, TRUCK])
    parts = [whole(Detections.concatenate([car, truck]))] if together else [whole(car), whole(truck)]
    assert merge_views(parts, VEHICLES, 0.5).class_id.tolist() == [TRUCK]
    assert sorted(merge_views(parts, ALONE, 0.5).class_id.tolist()) == [CAR, TRUCK]


def test_two_cars_that_a_view_kept_apart_are_not_merged_by_a_box_around_both():
    apart = found([10, 10, 50, 50, 0.6, CAR], [30, 10, 70, 50, 0.6, CAR])
    around = found([10, 10, 70, 50, 0.9, CAR])
    merged = merge_views([whole(apart), whole(around)], ALONE, 0.5)
    assert len(merged) == 2


@pytest.mark.parametrize("cut_confidence", [0.4, 0.99])
def test_the_half_of_a_car_at_the_border_of_a_region_gives_way_to_the_whole_car(cut_confidence):
    car, half = [30, 20, 90, 60, 0.5, CAR], [30, 20, 50, 60, cut_confidence, TRUCK]
    merged = merge_views([whole(found(car)), view((0, 0, 50, 100), found(half))], VEHICLES, 0.5)
    assert rows(merged) == rows(found(car))


def test_a_box_at_the_edge_of_the_frame_is_not_cut():
    """The region ends where the frame ends: there is no wider view of that car."""
    large, small = found([50, 20, 100, 90, 0.5, CAR]), found([70, 20, 100, 90, 0.9, CAR])
    region = view((50, 0, 100, 100), small, size=(50, 100))
    assert len(merge_views([whole(large), region], ALONE, 0.7)) == 2


@pytest.mark.parametrize("part", [[10, 20, 40, 60], [11, 26, 22, 54]], ids=["most_of_what_is_shown", "its_wheel"])
def test_part_of_a_car_is_known_as_such_although_it_ends_before_the_border(part):
    car, part = [10, 20, 95, 60, 0.5, CAR], [*part, 0.9, CAR]
    merged = merge_views([whole(found(car)), view((0, 0, 50, 100), found(part))], ALONE, 0.5)
    assert rows(merged) == rows(found(car))


def test_a_person_before_a_truck_that_a_border_cuts_stays():
    truck, person = [10, 10, 95, 90, 0.8, TRUCK], [20, 50, 30, 90, 0.6, PERSON]
    merged = merge_views([whole(found(truck)), view((0, 0, 50, 100), found(person))], VEHICLES, 0.5)
    assert len(merged) == 2


def test_a_small_whole_car_before_a_large_one_that_a_border_cuts_stays():
    large, small = [10, 10, 95, 90, 0.8, CAR], [20, 70, 32, 80, 0.6, CAR]
    merged = merge_views([whole(found(large)), view((0, 0, 50, 100), found(small))], ALONE, 0.5)
    assert len(merged) == 2


def test_two_cars_cut_by_one_border_stay_two_cars():
    cars = found([30, 10, 80, 40, 0.8, CAR], [32, 45, 78, 80, 0.7, CAR])
    halves = found([30, 10, 50, 40, 0.9, CAR], [32, 45, 50, 80, 0.9, CAR])
    merged = merge_views([whole(cars), view((0, 0, 50, 100), halves)], ALONE, 0.5)
    assert rows(merged) == rows(cars)


def test_a_car_cut_by_two_regions_is_reported_once():
    left, right = found([30, 20, 60, 40, 0.6, CAR]), found([40, 20, 75, 40, 0.7, CAR])
    regions = [view((0, 0, 60, 60), left), view((40, 0, 100, 60), right)]
    assert rows(merge_views(regions, ALONE, 0.5)) == rows(found([40, 20, 75, 40, 0.7, CAR]))


def test_of_a_small_object_the_closer_look_counts_and_of_a_large_one_the_surer():
    frame = (1280, 720)
    small, closer = found([300, 300, 312, 314, 0.6, CAR]), found([301, 300, 312, 313, 0.5, TRUCK])
    large, beside = found([200, 200, 400, 400, 0.6, CAR]), found([202, 200, 400, 398, 0.5, TRUCK])
    for far, near, expected in ((small, closer, TRUCK), (large, beside, CAR)):
        squeezed = ViewBoxes(far, plan_view((0, 0, *frame), (416, 416), "letterbox"), frame)
        region = ViewBoxes(near, plan_view((100, 100, 516, 516), (416, 416), "letterbox"), frame)
        assert merge_views([squeezed, region], VEHICLES, 0.5).class_id.tolist() == [expected]


def test_what_fills_a_region_from_border_to_border_is_nothing_without_a_wider_view_of_it():
    bonnet = found([25, 40, 75, 60, 0.9, CAR])
    region = view((25, 25, 75, 75), bonnet)
    assert len(merge_views([whole(Detections.empty()), region], ALONE, 0.5)) == 0
    assert len(merge_views([region], ALONE, 0.5)) == 1


def test_of_equally_sure_boxes_the_larger_then_the_leftmost_stays():
    small, large, right = ([0, 0, 32, 40], [0, 0, 40, 40], [1, 0, 41, 40])
    parts = [whole(found([*box, 0.5, CAR])) for box in (small, right, large)]
    np.testing.assert_array_equal(merge_views(parts, ALONE, 0.5).xyxy, [large])


def test_of_identical_boxes_one_stays_whichever_came_first():
    named, other = (whole(Detections.of([[0, 0, 8, 8]], [0.5], [0], [track])) for track in (1, 2))
    assert rows(merge_views([named, other], ALONE, 0.5)) == rows(merge_views([other, named], ALONE, 0.5))


def test_boxes_that_overlap_exactly_by_the_threshold_stay_apart():
    """With an edge a pixel further on, as far as a network can place it: 21 of 42."""
    parts = [whole(found([0, 0, 42, 20, 0.9, CAR])), whole(found([0, 0, 20, 20, 0.8, CAR]))]
    assert len(merge_views(parts, ALONE, 0.5)) == 2
    assert len(merge_views(parts, ALONE, 0.49)) == 1


BDD = (1280, 720)


def squeezed(boxes):
    """All of a 720p frame in 416 pixels: a pixel of the network is three of the frame."""
    return ViewBoxes(boxes, plan_view((0, 0, *BDD), (416, 416), "letterbox"), BDD)


def native(boxes, left=300, top=200):
    """A region in the frame's own resolution."""
    return ViewBoxes(boxes, plan_view((left, top, left + 416, top + 416), (416, 416), "letterbox"), BDD)


def test_a_small_car_that_the_squeezed_frame_misplaces_by_one_of_its_pixels_is_found_once():
    misplaced, exact = found([345, 307, 371, 327, 0.4, CAR]), found([346, 300, 367, 320, 0.6, CAR])
    assert iou_matrix(misplaced.xyxy, exact.xyxy) < 0.5
    assert rows(merge_views([squeezed(misplaced), native(exact)], ALONE, 0.5)) == rows(exact)
    by_two_regions = [native(misplaced), native(exact, left=200)]
    assert len(merge_views(by_two_regions, ALONE, 0.5)) == 2


def test_half_a_car_that_a_closer_look_does_not_find_is_nothing():
    car, half = [400, 250, 520, 340, 0.9, CAR], [400, 260, 450, 340, 0.4, CAR]
    merged = merge_views([squeezed(found(half)), native(found(car))], ALONE, 0.5)
    assert rows(merged) == rows(found(car))


def test_half_a_car_beside_the_whole_one_in_the_squeezed_frame_is_nothing_when_a_closer_look_finds_the_whole_alone():
    car, half, closer = [402, 250, 520, 338, 0.6, CAR], [400, 260, 450, 340, 0.4, CAR], [400, 250, 520, 340, 0.9, CAR]
    merged = merge_views([squeezed(found(car, half)), native(found(closer))], ALONE, 0.5)
    assert rows(merged) == rows(found(closer))


@pytest.mark.parametrize(
    "other",
    [
        found([400, 260, 450, 340, 0.8, CAR]),
        found([500, 260, 515, 275, 0.3, CAR]),
        found([400, 260, 450, 340, 0.3, PERSON]),
    ],
    ids=["nearly_as_sure", "far_behind_it", "of_another_group"],
)
def test_a_box_in_a_car_that_only_the_squeezed_frame_shows_stays_when_it_may_be_an_object(other):
    car = found([400, 250, 520, 340, 0.9, CAR])
    assert len(merge_views([squeezed(other), native(car)], VEHICLES, 0.5)) == 2


def test_a_car_before_another_one_stays_when_the_closer_look_finds_both():
    both = found([400, 250, 520, 340, 0.9, CAR], [400, 260, 450, 340, 0.3, CAR])
    squeezed_one = found([403, 262, 450, 340, 0.3, CAR])
    assert rows(merge_views([squeezed(squeezed_one), native(both)], ALONE, 0.5)) == rows(both)


def test_what_a_closer_look_kept_apart_is_not_doubted_by_the_squeezed_frame():
    apart = found([400, 250, 520, 340, 0.9, CAR], [400, 260, 450, 340, 0.3, CAR])
    assert len(merge_views([squeezed(found([400, 250, 520, 340, 0.95, CAR])), native(apart)], ALONE, 0.5)) == 2


def test_merging_nothing_gives_nothing():
    assert len(merge_views([], ALONE, 0.5)) == 0
    assert len(merge_views([whole(Detections.empty()), whole(Detections.empty())], ALONE, 0.5)) == 0
