"""Class names: the COCO list, the one table in which all networks of a pipeline name what they find, and which of them
may be one object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

# The 80 detection classes of COCO 2017 in the order of the 80-column network heads (cocodataset.org).
COCO: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
    "hair drier", "toothbrush",
)  # fmt: skip


class ClassTable:
    """Names by id, shared by every stage of one pipeline; a name has the same id whichever network reports it."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: list[str] = []
        self._ids: dict[str, int] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> int:
        """The id of `name`, given now if it has none."""
        if name not in self._ids:
            self._ids[name] = len(self._names)
            self._names.append(name)
        return self._ids[name]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._ids

    def __getitem__(self, class_id: int) -> str:
        return self._names[class_id]


class ClassGroups:
    """Classes that networks confuse, as car and truck: what is found as either may be one object.

    Built when the class table is complete; names that are not in it mean nothing here.
    """

    def __init__(self, groups: Mapping[str, Iterable[str]] | None = None, classes: ClassTable | None = None) -> None:
        names = classes.names if classes is not None else ()
        ids = {name: class_id for class_id, name in enumerate(names)}
        members = [sorted(ids[name] for name in group if name in ids) for group in (groups or {}).values()]
        self._group: npt.NDArray[np.int32] | None = None
        if any(len(group) > 1 for group in members):
            self._group = np.arange(len(names), dtype=np.int32)
            for group in members:
                self._group[group] = min(group, default=0)

    def group_of(self, class_id: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """A number for each class id, the same for two ids that may be one object; a class in no group is its own."""
        return class_id if self._group is None else self._group[class_id]
