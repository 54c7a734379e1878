"""The accuracy of pipelines as one HTML page that needs nothing else: no network, no script, light and dark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import yaml

from edge_runtime.evaluate.bootstrap import Comparison
from edge_runtime.evaluate.evaluation import Evaluation
from edge_runtime.evaluate.figures import curve
from edge_runtime.evaluate.misses import Miss

from .chart import COLOURS, Series, band_chart, curve_chart, pair_chart
from .evaluation import FIGURES, Intervals, band, kinds, streaming_sentence, told, told_range

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
        _figure(f"Recall over {what}", _recall_bands(_split(document, key), key, unit, what))
        for key, unit, what in BANDS
        if document[key]
    ]
    figures.append(_figure(f"Precision over recall at IoU {document['iou']:g}", _curves(evaluation)))
    figures.append(
        _figure("Offline and streaming AP", _streaming(evaluation), streaming_sentence(document["streaming"]))
    )
    tiles = [
        (FIGURES[key][0], told(key, document[key]), told_range(key, intervals.get(key))) for key in _tiles(document)
    ]
    parts = [
        _head(evaluation.name, lead, tiles),
        _warnings(document["warnings"]),
        f'<div class="charts">{"".join(figures)}</div>',
        *(_kind_table(document[key], word) for key, word in (("by_group", "group"), ("by_class", "class"))),
        _lights(document["light_states"]),
        _misses(misses, pictures),
        _configuration({evaluation.name: document}),
    ]
    return _page(f"{evaluation.name} · accuracy", parts)


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
        _figure(
            f"Recall over {what}", _recall_bands({name: one[key] for name, one in pipelines.items()}, key, unit, what)
        )
        for key, unit, what in BANDS
        if all(one[key] for one in pipelines.values())
    ]
    rows = [(name, one["ap"], one["streaming_ap"]) for name, one in pipelines.items()]
    figures.append(_figure("Offline and streaming AP", pair_chart(rows, ("offline", "streaming"))))
    warnings = dict.fromkeys(text for one in pipelines.values() for text in one["warnings"])
    parts = [
        _head(" against ".join(pipelines), lead, []),
        _warnings(list(warnings)),
        _comparison(document),
        f'<div class="charts">{"".join(figures)}</div>',
        _configuration(pipelines),
    ]
    return _page(f"{' against '.join(pipelines)} · accuracy", parts)


def _tiles(document: Mapping[str, Any]) -> list[str]:
    more = [key for key in ("light_state_accuracy", "regions_per_frame") if document[key] is not None]
    return [*TILES, *more]


def _head(title: str, lead: str, tiles: Sequence[tuple[str, str, str]]) -> str:
    shown = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(label)}</span><small>{escape(spread)}</small></div>"
        for label, value, spread in tiles
    )
    return f'<header><h1>{escape(title)}</h1><p>{escape(lead)}</p><div class="tiles">{shown}</div></header>'


def _warnings(warnings: Sequence[str]) -> str:
    return "".join(f'<p class="warning">{escape(text)}</p>' for text in warnings)


def _figure(title: str, chart: str, below: str = "") -> str:
    note = f"<p>{escape(below[:1].upper() + below[1:])}.</p>" if below else ""
    return f"<figure><figcaption>{escape(title)}</figcaption>{chart}{note}</figure>"


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


def _configuration(documents: Mapping[str, Mapping[str, Any]]) -> str:
    blocks = "".join(
        f"<details><summary>{escape(name)}, labels: {escape(document['labels']['origin'])}</summary>"
        f"<pre>{escape(yaml.safe_dump(document['config'], sort_keys=False, allow_unicode=True))}</pre></details>"
        for name, document in documents.items()
    )
    return f"<section><h2>Configuration</h2>{blocks}</section>"


def _page(title: str, parts: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';"
        ' img-src data:">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n<body><main>{''.join(parts)}</main></body></html>\n"
    )


# Okabe and Ito's colours (jfly.uni-koeln.de/color), which nearly everyone can tell apart; darker ones on white.
_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ground:#f4f5f7;--ink:#1c2127;--dim:#68727d;--line:#e1e4e8;
--s0:#0072b2;--s1:#d55e00;--s2:#009e73;--s3:#b8569a;--s4:#a07800;--s5:#2f9bd6;--bad:#b3261e;--good:#15803d;--warn:#8a6100}
@media(prefers-color-scheme:dark){:root{--paper:#191d22;--ground:#111418;--ink:#e4e7ea;--dim:#95a0ab;--line:#2b3138;
--s0:#56b4e9;--s1:#f0854a;--s2:#2fc79a;--s3:#df8fc2;--s4:#e0bd3c;--s5:#8fa8ff;--bad:#f28b82;--good:#5cc983;--warn:#e6b450}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:17px;margin:30px 0 10px}header p,section>p{margin:0 0 12px;color:var(--dim);max-width:100ch}
small{display:block;color:var(--dim);font-size:12.5px;font-weight:400}
.tiles{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:10px;margin-top:16px}
.tiles div,.charts figure,table,details,.misses figure{background:var(--paper);border:1px solid var(--line);
border-radius:10px}
.tiles:empty{display:none}.tiles div{padding:10px 14px}.tiles b{display:block;font-size:23px;line-height:1.3}
.tiles span{font-size:13px}.tiles b,td,small{font-variant-numeric:tabular-nums}
.warning+section{margin-top:20px}
.warning{margin:12px 0 0;padding:9px 14px;border-left:4px solid var(--warn);background:var(--paper);border-radius:6px;
overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:14px;margin-top:20px}
figure{margin:0}.charts figure{padding:14px 16px}.charts figcaption{font-weight:600;margin-bottom:8px}
.charts figure p{margin:8px 0 0;color:var(--dim);font-size:13px}
svg{display:block;width:100%;height:auto;font-size:12px}svg text{fill:var(--dim)}.tick{text-anchor:middle}
.row{text-anchor:end}.value{font-variant-numeric:tabular-nums}.grid{stroke:var(--line)}
svg g{stroke-width:2;fill:none}svg g g,.key g>:not(polyline){stroke:none}
g.s0{color:var(--s0)}g.s1{color:var(--s1)}g.s2{color:var(--s2)}g.s3{color:var(--s3)}g.s4{color:var(--s4)}
g.s5{color:var(--s5)}polyline{stroke:currentColor;stroke-linejoin:round}
g>circle,g>rect,g>path{fill:currentColor;stroke:none}rect.s0{fill:var(--s0)}rect.s1{fill:var(--s1)}
.keys{display:flex;flex-wrap:wrap;gap:4px 16px;margin:8px 0 0;padding:0;list-style:none;font-size:13px}
.keys li{display:flex;align-items:center;gap:6px}.key{width:26px;flex:none}
.scroll{overflow-x:auto}table{border-collapse:separate;border-spacing:0;padding:6px 0;min-width:min(100%,560px)}
th,td{padding:5px 14px;text-align:right;vertical-align:baseline;white-space:nowrap}th:first-child{text-align:left;
font-weight:500}tr:first-child th{color:var(--dim);font-weight:400;font-size:13px}
tr+tr>*{border-top:1px solid var(--line)}
.better b{color:var(--good)}.worse b{color:var(--bad)}
.misses{display:grid;grid-template-columns:repeat(auto-fill,minmax(168px,1fr));gap:12px}
.misses figure{overflow:hidden}.misses img{display:block;width:100%;height:auto}.misses figcaption{padding:7px 10px;
font-size:14px}details{padding:10px 14px;margin-bottom:10px}summary{cursor:pointer;overflow-wrap:anywhere}
pre{overflow-x:auto;font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media(max-width:520px){main{padding:18px 12px 40px}.charts figure{padding:12px 10px}
.tiles,.misses{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media print{body{background:#fff}.charts figure,.misses figure{break-inside:avoid}}
"""
