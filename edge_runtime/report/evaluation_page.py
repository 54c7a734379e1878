"""The accuracy of pipelines as one HTML page that needs nothing else: no network, no script, light and dark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_runtime.evaluate.bootstrap import Comparison
from edge_runtime.evaluate.evaluation import Evaluation
from edge_runtime.evaluate.figures import curve
from edge_runtime.evaluate.misses import Miss

from .chart import COLOURS, Series, band_chart, curve_chart, pair_chart
from .evaluation import FIGURES, Intervals, band, kinds, streaming_sentence, told, told_range
from .page import configuration, figure, head, page, warnings

TILES = ("ap50", "ap", "streaming_ap", "recall", "precision", "false_positives_per_frame", "ms_per_frame")
BANDS = (("recall_by_distance", "m", "distance in metres"), ("recall_by_height_px", "px", "height in pixels"))


def evaluation_page(
    evaluation: Evaluation, intervals: Intervals, misses: Sequence[Miss], pictures: Sequence[bytes]
) -> str:
    """The page of one pipeline; `pictures` are JPEGs of the misses."""
    document = evaluation.document
    objects = document["labels"]["objects"] - document["labels"]["ignored"]
    lead = (
        f"Stage {document['stage']} over {document['frames']} frames with {objects} labelled objects"
        f" ({document['labels']['ignored']} more are ignored), matched at IoU {document['iou']:g}."
    )
    figures = [
        figure(f"Recall over {what}", _recall_bands(_split(document, key), key, unit, what))
        for key, unit, what in BANDS
        if document[key]
    ]
    figures.append(figure(f"Precision over recall at IoU {document['iou']:g}", _curves(evaluation)))
    figures.append(
        figure("Offline and streaming AP", _streaming(evaluation), streaming_sentence(document["streaming"]))
    )
    tiles = [
        (FIGURES[key][0], told(key, document[key]), told_range(key, intervals.get(key))) for key in _tiles(document)
    ]
    parts = [
        head(evaluation.name, lead, tiles),
        warnings(document["warnings"]),
        f'<div class="charts">{"".join(figures)}</div>',
        *(_kind_table(document[key], word) for key, word in (("by_group", "group"), ("by_class", "class"))),
        _lights(document["light_states"]),
        _misses(misses, pictures),
        _configurations({evaluation.name: document}),
    ]
    return page(f"{evaluation.name} · accuracy", parts)


def comparison_page(comparison: Comparison) -> str:
    """The page of pipelines side by side."""
    document = comparison.document
    pipelines: Mapping[str, Mapping[str, Any]] = document["pipelines"]
    baseline = document["baseline"]
    judged = ", ".join(pipelines[baseline]["judged"])
    lead = (
        f"On the same {pipelines[baseline]['frames']} frames, judged by what all of them report: {judged}. Differences "
        f"are to {baseline}, with 95 % bootstrap intervals paired over frames; one that does not hold 0 is in bold."
    )
    figures = [
        figure(
            f"Recall over {what}", _recall_bands({name: one[key] for name, one in pipelines.items()}, key, unit, what)
        )
        for key, unit, what in BANDS
        if all(one[key] for one in pipelines.values())
    ]
    rows = [(name, one["ap"], one["streaming_ap"]) for name, one in pipelines.items()]
    figures.append(figure("Offline and streaming AP", pair_chart(rows, ("offline", "streaming"))))
    odd = dict.fromkeys(text for one in pipelines.values() for text in one["warnings"])
    parts = [
        head(" against ".join(pipelines), lead, []),
        warnings(list(odd)),
        _comparison(document),
        f'<div class="charts">{"".join(figures)}</div>',
        _configurations(pipelines),
    ]
    return page(f"{' against '.join(pipelines)} · accuracy", parts)


def _tiles(document: Mapping[str, Any]) -> list[str]:
    more = [key for key in ("light_state_accuracy", "regions_per_frame") if document[key] is not None]
    return [*TILES, *more]


def _shown_kinds(document: Mapping[str, Any]) -> list[str]:
    """The most frequent kinds, as many as can be told apart beside all of them together."""
    split = kinds(document)
    return sorted(split, key=lambda name: -split[name]["count"])[: COLOURS - 1]


def _split(document: Mapping[str, Any], key: str) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The rows of all and of each kind."""
    split = kinds(document)
    rows = {name: split[name][key] for name in _shown_kinds(document) if split[name][key]}
    return {"all": document[key], **rows} if len(split) > 1 else rows


def _recall_bands(rows: Mapping[str, Sequence[Mapping[str, Any]]], key: str, unit: str, what: str) -> str:
    """From the first band with an object in it to the last."""
    first = next(iter(rows.values()))
    used = [place for place in range(len(first)) if any(one[place]["count"] for one in rows.values())]
    shown = range(used[0], used[-1] + 1)
    series = [
        Series(
            name,
            [one[place]["recall"] for place in shown],
            look,
            [
                f"{band(one[place], unit)} {unit}: {one[place]['recall'] or 0:.3f} of {one[place]['count']}"
                for place in shown
            ],
        )
        for look, (name, one) in enumerate(rows.items())
    ]
    end = first[shown[-1]][f"to_{unit}"]
    edges = [f"{first[place][f'from_{unit}']:g}" for place in shown]
    return band_chart(series, [*edges, "" if end is None else f"{end:g}"], "recall", what)


def _curves(evaluation: Evaluation) -> str:
    """As far as recall goes: beyond the last recall that was reached there is no precision."""
    matches, iou = evaluation.matches, evaluation.rules.iou
    shown = _shown_kinds(evaluation.document)
    series = []
    for kind, name in enumerate(matches.kinds):
        values = curve(matches, iou, kind)
        if values is not None and name in shown:
            look = shown.index(name) + (len(matches.kinds) > 1)
            series.append(Series(name, [value or None for value in values], look))
    return curve_chart(sorted(series, key=lambda one: one.look), "precision", "recall")


def _streaming(evaluation: Evaluation) -> str:
    offline, late = evaluation.matches, evaluation.streaming.matches
    document = evaluation.document
    rows: list[tuple[str, float | None, float | None]] = [("all", document["ap"], document["streaming_ap"])]
    if len(offline.kinds) > 1:
        for name, one, other in zip(offline.kinds, offline.ap(), late.ap(), strict=True):
            if one == one:  # a kind without objects has no AP
                rows.append((name, float(one), float(other)))
    return pair_chart(rows[: COLOURS + 1], ("offline", "streaming"))


def _kind_table(rows: Mapping[str, Mapping[str, Any]], word: str) -> str:
    if not rows:
        return ""
    keys = ("ap50", "ap", "recall", "precision", "false_positives_per_frame")
    heads = (word, "AP50", "AP", "recall", "precision", "false / frame", "objects")
    top = "".join(f"<th>{head}</th>" for head in heads)
    body = ""
    for name, row in rows.items():
        shown = escape(name) + (f" <small>as {escape(row['judged_as'])}</small>" if "judged_as" in row else "")
        cells = "".join(f"<td>{told(key, row[key])}</td>" for key in keys)
        body += f"<tr><th>{shown}</th>{cells}<td>{row['count']}</td></tr>"
    return f'<section><h2>By {word}</h2><div class="scroll"><table><tr>{top}</tr>{body}</table></div></section>'


def _comparison(document: Mapping[str, Any]) -> str:
    pipelines, baseline = document["pipelines"], document["baseline"]
    heads = "".join(f"<th>{escape(name)}</th>{'' if name == baseline else '<th>difference</th>'}" for name in pipelines)
    body = ""
    for key, (label, *_) in FIGURES.items():
        if all(one[key] is None for one in pipelines.values()):
            continue
        cells = ""
        for name, one in pipelines.items():
            spread = told_range(key, one["intervals"].get(key))
            cells += f"<td>{told(key, one[key])}<small>{spread}</small></td>"
            if name != baseline:
                cells += _difference(key, document["differences"][name].get(key))
        body += f"<tr><th>{escape(label)}</th>{cells}</tr>"
    return f'<section><div class="scroll"><table class="wide"><tr><th></th>{heads}</tr>{body}</table></div></section>'


def _difference(key: str, change: Mapping[str, Any] | None) -> str:
    if change is None or change["difference"] is None:
        return "<td>–</td>"
    digits = FIGURES[key][1]
    low_high = change["interval"]
    spread = "" if low_high is None else f"{low_high[0]:+.{digits}f} to {low_high[1]:+.{digits}f}"
    verdict = "" if not change["certain"] else "better" if change["better"] else "worse"
    text = f"{change['difference']:+.{digits}f}"
    shown = f"<b>{text} {verdict}</b>" if verdict else text
    return f'<td class="{verdict}">{shown}<small>{spread}</small></td>'


def _lights(lights: Mapping[str, Any] | None) -> str:
    if lights is None:
        return ""
    rows = "".join(
        f"<tr><th>{escape(state)}</th><td>{row['accuracy']:.3f}</td><td>{row['count']}</td></tr>"
        for state, row in lights["by_state"].items()
        if row["count"]
    )
    return (
        "<section><h2>Light states</h2><table><tr><th>state</th><th>named right</th><th>lights found</th></tr>"
        f"{rows}</table></section>"
    )


def _misses(misses: Sequence[Miss], pictures: Sequence[bytes]) -> str:
    cards = "".join(
        f'<figure><img alt="{escape(miss.name)}, missed" width="320" height="320" '
        f'src="data:image/jpeg;base64,{b64encode(picture).decode()}"><figcaption>{escape(miss.name)}'
        f"<small>{_where(miss)}</small></figcaption></figure>"
        for miss, picture in zip(misses, pictures, strict=True)
        if picture
    )
    if not cards:
        return ""
    lead = "The tallest objects that nothing was matched with, each object once; the box is the label's."
    return f'<section><h2>Missed</h2><p>{lead}</p><div class="misses">{cards}</div></section>'


def _where(miss: Miss) -> str:
    distance = "" if miss.distance_m is None else f"{miss.distance_m:.0f} m, "
    return f"{distance}{miss.height_px:.0f} px high, picture {miss.number}"


def _configurations(documents: Mapping[str, Mapping[str, Any]]) -> str:
    return configuration(
        {f"{name}, labels: {document['labels']['origin']}": document["config"] for name, document in documents.items()}
    )
