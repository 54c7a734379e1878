"""What a stage gives to those that take from it."""

from __future__ import annotations

from .draft import Draft, ModelDraft
from .schema import ClassifyStage, NetworkStage

_GIVES = {"segment": "masks", "classify": "one class a frame"}
_KIND_OF_FAMILY = {"segmentation": "segment", "classification": "classify"}


def fitting_kind(model: ModelDraft) -> str:
    """The kind of stage that a model is for."""
    return _KIND_OF_FAMILY.get(model.decode.family, "detect") if model.decode else "detect"


def no_boxes(draft: Draft, index: int) -> str:
    """What a stage gives instead of boxes; its model's family counts more than its kind, which may be wrong."""
    stage = draft.stages[index]
    if isinstance(stage, ClassifyStage) and stage.of is not None:
        return ""
    model = draft.models.get(stage.model) if isinstance(stage, NetworkStage) else None
    kind = fitting_kind(model) if model and model.decode else draft.document.get(("stages", index, "kind"))
    return _GIVES.get(kind, "") if isinstance(kind, str) else ""
