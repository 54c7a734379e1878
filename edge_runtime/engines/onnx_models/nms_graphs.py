"""The graphs that `nms` appends, in ONNX's text form (onnx.ai/onnx/repo-docs/Syntax), of operators from opset 11 on.

A reader makes `corners` (batch, n, 4) in pixels, `scores_of` (batch, n, classes) and `bad` (batch, 1), which is 0, or
NaN where a raw value was NaN or infinite. `SUPPRESS` makes the four outputs of those. Sums are products with ones:
the reductions changed their form between the opsets, the operators here did not. What stands on the right and is made
nowhere is a constant (`nms.CONSTANTS`, or given with the text).
"""

_CORNERS = """
    half = Mul (size, a_half)
    low = Sub (centre, half)
    high = Add (centre, half)
    corners = Concat <axis = 2> (low, high)
"""

_BAD = """
    nothing_{raw} = Mul ({raw}, zero)
    sums_{raw} = MatMul (nothing_{raw}, columns_of_{raw})
    flat_{raw} = Reshape (sums_{raw}, rows_by_rest)
    bad_{raw} = MatMul (flat_{raw}, rows_of_{raw})
"""

_HEAD = "reader (float[B, N, C] {0}) => (float[B, N, D] corners, float[B, N, E] scores_of, float[B, O] bad)"

YOLOX = f"""{_HEAD.format("raw")} {{
    xy = Slice (raw, at_0, at_2, at_2)
    wh = Slice (raw, at_2, at_4, at_2)
    objectness = Slice (raw, at_4, at_5, at_2)
    classes = Slice (raw, at_5, at_end, at_2)
    scores_of = Mul (classes, objectness)
    moved = Add (xy, cell)
    centre = Mul (moved, stride)
    limited = Min (wh, widest)
    power = Exp (limited)
    size = Mul (power, stride)
    {_CORNERS}{_BAD.format(raw="raw")}
    bad = Identity (bad_raw)
}}"""

YOLOV8 = f"""{_HEAD.format("columns")} {{
    raw = Transpose <perm = [0, 2, 1]> (columns)
    centre = Slice (raw, at_0, at_2, at_2)
    size = Slice (raw, at_2, at_4, at_2)
    scores_of = Slice (raw, at_4, at_end, at_2)
    {_CORNERS}{_BAD.format(raw="raw")}
    bad = Identity (bad_raw)
}}"""

_PAIR = f"""{_HEAD.format("boxes, float[B, N, E] scores")} {{{{
    scores_of = Identity (scores)
    scaled = Mul (boxes, scale)
    {{corners}}{_BAD.format(raw="boxes")}{_BAD.format(raw="scores")}
    bad = Add (bad_boxes, bad_scores)
}}}}"""

BOXES_SCORES = {
    "xyxy": _PAIR.format(corners="corners = Identity (scaled)"),
    "cxcywh": _PAIR.format(
        corners=f"""
    centre = Slice (scaled, at_0, at_2, at_2)
    size = Slice (scaled, at_2, at_4, at_2)
    {_CORNERS}"""
    ),
}

SUPPRESS = """
suppress (float[B, N, D] corners, float[B, N, C] scores_of, float[B, O] bad)
    => (int32[B, O] num_dets, float[B, K, D] det_boxes, float[B, K] det_scores, int32[B, K] det_classes)
{
    below = Min (corners, far_corner)
    inside = Max (below, zero)

    rivals = Gather <axis = 2> (scores_of, competing)
    winner = ArgMax <axis = 2, keepdims = 1> (rivals)
    best = GatherElements <axis = 2> (rivals, winner)
    keep = Gather <axis = 0> (kept, winner)
    counted = Mul (best, keep)
    weak = Less (counted, confidence)
    likely = Where (weak, zero, counted)

    left_top = Slice (inside, at_0, at_2, at_2)
    right_bottom = Slice (inside, at_2, at_4, at_2)
    sides = Sub (right_bottom, left_top)
    width = Slice (sides, at_0, at_1, at_2)
    height = Slice (sides, at_1, at_2, at_2)
    shorter = Min (width, height)
    real = Greater (shorter, zero)
    strong = Where (real, likely, zero)

    group = Gather <axis = 0> (group_of, winner)
    own = Equal (group, groups)
    spread = Where (own, strong, zero)
    by_group = Transpose <perm = [0, 2, 1]> (spread)
    chosen = NonMaxSuppression (inside, by_group, limit, iou, nothing_above)

    place = Gather <axis = 1> (chosen, batch_and_box)
    flat = Reshape (strong, rows_by_rest)
    picked = GatherND (flat, place)
    empty = Mul (flat, zero)
    survivors = ScatterND (empty, place, picked)
    det_scores, order = TopK <axis = 1> (survivors, limit)

    is_box = Greater (det_scores, zero)
    present = Cast <to = 1> (is_box)
    present_column = Reshape (present, rows_by_rest_by_one)
    order_column = Reshape (order, rows_by_rest_by_one)
    order_of_sides = Expand (order_column, four_sides)
    ordered = GatherElements <axis = 1> (inside, order_of_sides)
    det_boxes = Mul (ordered, present_column)

    index = Gather <axis = 0> (competing, winner)
    index_row = Reshape (index, rows_by_rest)
    index_ordered = GatherElements <axis = 1> (index_row, order)
    index_float = Cast <to = 1> (index_ordered)
    index_present = Mul (index_float, present)
    det_classes = Cast <to = 6> (index_present)

    count = MatMul (present, ones)
    sound = Less (bad, one)
    told = Where (sound, count, minus_one)
    num_dets = Cast <to = 6> (told)
}"""
