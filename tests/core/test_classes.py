import numpy as np

from edge_runtime.core import ClassGroups, ClassTable

CLASSES = ClassTable(["person", "car", "bicycle", "truck", "motorcycle"])
EVERY = np.arange(5, dtype=np.int32)


def test_classes_of_a_group_have_one_number_and_others_their_own():
    groups = ClassGroups({"vehicle": ("truck", "car"), "cycle": ("bicycle", "motorcycle")}, CLASSES)
    assert groups.group_of(EVERY).tolist() == [0, 1, 2, 1, 2]


def test_without_groups_every_class_is_its_own():
    for groups in (ClassGroups(), ClassGroups({}, CLASSES), ClassGroups({"alone": ("car",)}, CLASSES)):
        assert groups.group_of(EVERY).tolist() == [0, 1, 2, 3, 4]


def test_names_that_no_network_has_mean_nothing():
    groups = ClassGroups({"vehicle": ("car", "tram", "truck"), "none": ("tram",)}, CLASSES)
    assert groups.group_of(EVERY).tolist() == [0, 1, 2, 1, 4]


def test_of_no_classes_there_are_no_groups():
    empty = np.empty(0, np.int32)
    assert ClassGroups({"vehicle": ("car", "truck")}, CLASSES).group_of(empty).tolist() == []
