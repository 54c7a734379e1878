"""The layers of an engine as one HTML page that needs nothing else: no network, no framework, light and dark."""

from __future__ import annotations

import re
from collections import Counter
from html import escape

from edge_runtime.engines.tensorrt.inspect import Inspection
from edge_runtime.engines.tensorrt.inspector import Layer, Tensor

from .layers import Row, chain, chains, dla_sentence, headline, percent, precision, ranked, shape, times_sentence

# fusion -> what it means, in the order of the legend
_FUSIONS = {
    "vertical": "a convolution or matrix product with what follows it: normalisation, activation, sum",
    "horizontal": "sibling convolutions that read the same tensor, joined into one",
    "pointwise": "element-wise work, one after another, in one kernel",
    "region": "a part of the graph compiled as a whole",
    "mixed": "other nodes that became one kernel",
    "none": "one ONNX node, one layer",
    "reformat": "no node of the model: copies, and changes of layout or precision",
    "sync": "waits between streams",
}


def layers_page(found: Inspection) -> str:
    """The page as text, to be written to a file."""
    rows = ranked(found)
    parts = [_head(found, rows)]
    if found.refusals:
        parts.append(_refusals(found))
    if found.layers:
        parts += [_filters(rows, timed=found.times is not None), _layers(found, rows), _chains(found)]
    parts += [_dla(found), _dropped(found), _notes(found)]
    title = escape(f"{found.model} · layers")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';"
        " script-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{_STYLE}{_switches(rows)}</style></head>\n"
        f"<body><main>{''.join(parts)}</main>\n<script>{_SCRIPT}</script></body></html>\n"
    )


def _head(found: Inspection, rows: list[Row]) -> str:
    tiles: list[tuple[str, str]] = []
    if found.refusals:
        tiles.append((str(len(found.refusals)), "nodes refused"))
    if found.onnx_nodes is not None:
        tiles.append((str(found.onnx_nodes), "ONNX nodes"))
    if found.layers:
        tiles.append((str(sum(row.layer.fusion != "reformat" for row in rows)), "layers that compute"))
        copies = sum(row.layer.fusion == "reformat" for row in rows)
        tiles.append((str(copies), "copies and reformats"))
    if found.times is not None:
        tiles.append((f"{found.times.network_ms:.3f} ms", "the whole network"))
        tiles.append((f"{found.times.sum_ms:.3f} ms", "sum of its layers"))
    shown = "".join(f"<div><b>{escape(value)}</b><span>{escape(label)}</span></div>" for value, label in tiles)
    said = " does not take this network" if found.refusals else f": {headline(found)}"
    sentence = times_sentence(found)
    times = f"<p>{escape(sentence[0].upper() + sentence[1:])}.</p>" if sentence else ""
    return (
        f"<header><h1>{escape(found.model)}</h1><p>{escape(found.board)}{escape(said)}.</p>{times}"
        f'<div class="tiles">{shown}</div></header>'
    )


def _refusals(found: Inspection) -> str:
    cards = []
    for refusal in found.refusals:
        where = f"node {refusal.index}" if refusal.index >= 0 else "the file"
        name = f" <code>{escape(refusal.node)}</code>" if refusal.node else ""
        operator = f' <span class="chip">{escape(refusal.operator)}</span>' if refusal.operator else ""
        inside = f" in {escape(' > '.join(refusal.inside))}" if refusal.inside else ""
        cards.append(
            f'<article class="bad"><h3>{where}{name}{operator}{inside}</h3><p>{escape(refusal.reason)}</p>'
            f'<p class="way">{_code(refusal.way_out)}</p></article>'
        )
    return f"<section><h2>Refused</h2>{''.join(cards)}</section>"


def _filters(rows: list[Row], *, timed: bool) -> str:
    """A bar of what the kinds of fusion weigh, the same kinds as switches, and a search."""
    weights: dict[str, float] = {}
    for row in rows:
        weight = (row.time_ms or 0.0) if timed else 1.0
        weights[row.layer.fusion] = weights.get(row.layer.fusion, 0.0) + weight
    whole = sum(weights.values()) or 1.0
    counts: Counter[str] = Counter(row.layer.fusion for row in rows)
    kinds = [kind for kind in _FUSIONS if counts[kind]]
    bar = "".join(
        f'<i class="{kind}" style="flex:{weights[kind]:.6g}" title="{kind}: {percent(weights[kind] / whole)}"></i>'
        for kind in kinds
    )
    switches = "".join(
        f'<label class="switch" title="{escape(_FUSIONS[kind])}"><input type="checkbox" id="show-{kind}" checked>'
        f'<i class="{kind}"></i>{kind} <b>{counts[kind]}</b><small>{percent(weights[kind] / whole)}</small></label>'
        for kind in kinds
    )
    legend = "".join(f'<li><i class="{kind}"></i><b>{kind}</b> {escape(_FUSIONS[kind])}</li>' for kind in kinds)
    of_what = "of the time" if timed else "of the layers"
    order = (
        '<span class="order"><button data-by="rank" aria-pressed="true">by time</button>'
        '<button data-by="number" aria-pressed="false">by order</button></span>'
        if timed
        else ""
    )
    return (
        f'<section class="filters"><div class="bar" aria-hidden="true">{bar}</div>'
        f'<div class="switches">{switches}<small>{of_what}</small></div>'
        f'<details class="legend"><summary>What the kinds mean</summary><ul>{legend}</ul></details>'
        f'<div class="tools"><input type="search" placeholder="Find a node, operator, kernel or tactic"'
        f' aria-label="Find">{order}<output></output></div></section>'
    )


def _layers(found: Inspection, rows: list[Row]) -> str:
    timed = found.times is not None
    slowest = max((row.share or 0.0 for row in rows), default=0.0) or 1.0
    heads = ["#", *(["µs", "share", "up to"] if timed else []), "ONNX nodes", "fusion", "precision", "shape", "tactic"]
    top = "".join(f"<span>{head}</span>" for head in heads)
    body = "".join(_layer(rank, row, slowest, timed=timed) for rank, row in enumerate(rows))
    return (
        f'<section><h2>Layers</h2><div class="layers{" timed" if timed else ""}">'
        f'<div class="row top">{top}</div><div class="body">{body}</div></div></section>'
    )


def _layer(rank: int, row: Row, slowest: float, *, timed: bool) -> str:
    layer = row.layer
    nodes = _shown_nodes(layer.nodes) if layer.nodes else f"<em>{escape(layer.name)}</em>"
    operators = "" if _tell(layer) else f"<small>{escape(chain(layer.operators))}</small>"
    times = ""
    if timed:
        took = "–" if row.time_ms is None else f"{row.time_ms * 1000:.1f}"
        width = (row.share or 0.0) / slowest * 100
        times = (
            f'<span class="number">{took}</span><span class="number share"><i style="width:{width:.2f}%"></i>'
            f'{percent(row.share)}</span><span class="number dim">{percent(row.up_to_share)}</span>'
        )
    device = ' <span class="chip dla">DLA</span>' if layer.device == "dla" else ""
    tactic = escape(layer.tactic) if layer.tactic else '<em title="chosen when the engine is loaded">at load</em>'
    facts = [
        ("layer", f"<code>{escape(layer.name)}</code>"),
        ("kind", escape(layer.kind) or "–"),
        ("tactic", f"<code>{escape(layer.tactic)}</code>" if layer.tactic else "chosen when the engine is loaded"),
        ("reads", _tensors(layer.inputs)),
        ("writes", _tensors(layer.outputs)),
    ]
    named = "".join(
        f"<li><code>{escape(node)}</code> <small>{escape(operator)}"
        f"{', not named by TensorRT: it follows from its input' if node in layer.unnamed else ''}</small></li>"
        for node, operator in zip(layer.nodes, layer.operators, strict=True)
    )
    facts.insert(0, ("nodes", f"<ol>{named}</ol>" if named else "none of the model"))
    told = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in facts)
    return (
        f'<details class="layer {layer.fusion}" data-rank="{rank}" data-number="{row.number}"><summary class="row">'
        f'<span class="number dim">{row.number}</span>{times}<span class="nodes">{nodes}{operators}</span>'
        f'<span><span class="chip {layer.fusion}">{layer.fusion}</span>{device}</span>'
        f'<span>{precision(layer)}</span><span class="number">{shape(layer)}</span>'
        f'<span class="tactic">{tactic}</span></summary><dl>{told}</dl></details>'
    )


def _tell(layer: Layer) -> bool:
    """Do the names of the nodes already say what they do?"""
    return all(
        operator in ("?", *re.split("[_/]", node)) for node, operator in zip(layer.nodes, layer.operators, strict=True)
    )


def _code(text: str) -> str:
    """What stands between backticks is to be typed."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _shown_nodes(nodes: tuple[str, ...]) -> str:
    """The names joined by a plus; a long chain shows its ends, the folded part of the row has it all."""
    shown = [f"<code>{escape(node)}</code>" for node in nodes]
    if len(shown) > 6:
        shown = [*shown[:3], f"<em>{len(shown) - 4} more</em>", shown[-1]]
    return " + ".join(shown)


def _tensors(entries: tuple[Tensor, ...]) -> str:
    lines = (
        f"<li><code>{escape(tensor.name)}</code> {'×'.join(map(str, tensor.shape))} {tensor.precision or ''}</li>"
        for tensor in entries
    )
    return f"<ul>{''.join(lines)}</ul>" if entries else "–"


def _chains(found: Inspection) -> str:
    rows = "".join(
        f'<tr><td class="number">{count} ×</td><td>{escape(operators)}</td>'
        f'<td><span class="chip {fusion}">{fusion}</span></td></tr>'
        for fusion, operators, count in chains(found)
    )
    return f"<section><h2>What was fused</h2><table>{rows}</table></section>" if rows else ""


def _dla(found: Inspection) -> str:
    sentence = dla_sentence(found)
    if sentence is None:
        return ""
    named = "".join(f"<li><code>{escape(name)}</code></li>" for name in found.dla_fallback or ())
    said = escape(sentence[0].upper() + sentence[1:])
    return f"<section><h2>DLA</h2><p>{said}.</p><ul class='names'>{named}</ul></section>"


def _dropped(found: Inspection) -> str:
    if not found.dropped:
        return ""
    named = "".join(f"<li><code>{escape(name)}</code></li>" for name in found.dropped)
    return (
        f"<section><details><summary><h2>{len(found.dropped)} nodes in no layer</h2></summary><p>Folded into"
        f" constants, or no more than a view of memory.</p><ul class='names'>{named}</ul></details></section>"
    )


def _notes(found: Inspection) -> str:
    if not found.notes:
        return ""
    return f"<section><h2>Notes</h2>{''.join(f'<p>{escape(note)}</p>' for note in found.notes)}</section>"


def _switches(rows: list[Row]) -> str:
    """A switch hides the layers of its kind, without a script."""
    kinds = {row.layer.fusion for row in rows}
    return "".join(f"body:has(#show-{kind}:not(:checked)) .layer.{kind}{{display:none}}" for kind in sorted(kinds))


_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ground:#f4f5f7;--ink:#1c2127;--dim:#68727d;--line:#e1e4e8;
--vertical:#2f6fdb;--horizontal:#8a4fd0;--pointwise:#12877f;--region:#c2570c;--mixed:#a07800;--none:#7b8794;
--reformat:#c0364a;--sync:#aab2ba;--bad:#c0364a;--good:#15803d}
@media(prefers-color-scheme:dark){:root{--paper:#191d22;--ground:#111418;--ink:#e4e7ea;--dim:#95a0ab;--line:#2b3138;
--vertical:#6aa2ff;--horizontal:#b98cf2;--pointwise:#43c0b5;--region:#f0954f;--mixed:#d6b23c;--none:#8d99a5;
--reformat:#f07585;--sync:#5b6670;--bad:#f07585;--good:#5cc983}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:1280px;margin:0 auto;padding:28px 20px 60px}h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:17px;margin:28px 0 10px}h3{font-size:15px;margin:0}header p{margin:0 0 4px;color:var(--dim)}
code{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
small{color:var(--dim);font-size:12.5px}em{font-style:normal;color:var(--dim)}
.dim{color:var(--dim)}.number{font-variant-numeric:tabular-nums;text-align:right;white-space:nowrap}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin-top:16px}
.tiles div,.filters,.layers,article,table{background:var(--paper);border:1px solid var(--line);border-radius:10px}
.tiles div{padding:10px 16px;min-width:120px}.tiles b{display:block;font-size:21px;font-variant-numeric:tabular-nums}
.tiles span{color:var(--dim);font-size:13px}
.filters{margin-top:20px;padding:14px 16px}.bar{display:flex;height:12px;gap:2px;border-radius:6px;overflow:hidden}
.bar i{min-width:3px}i.vertical{background:var(--vertical)}i.horizontal{background:var(--horizontal)}
i.pointwise{background:var(--pointwise)}i.region{background:var(--region)}i.mixed{background:var(--mixed)}
i.none{background:var(--none)}i.reformat{background:var(--reformat)}i.sync{background:var(--sync)}
.switches{display:flex;flex-wrap:wrap;gap:6px 8px;margin-top:12px;align-items:center}
.switch{display:inline-flex;align-items:center;gap:7px;padding:3px 11px;border:1px solid var(--line);border-radius:99px;
cursor:pointer;user-select:none}.switch input{position:absolute;opacity:0}.switch i,.legend i{width:10px;height:10px;
border-radius:3px;display:inline-block}.switch:has(input:not(:checked)){opacity:.45;text-decoration:line-through}
.switch:has(:focus-visible){outline:2px solid var(--vertical)}
.legend{margin-top:10px;color:var(--dim)}.legend summary{cursor:pointer;font-size:13.5px}
.legend ul{list-style:none;margin:8px 0 0;padding:0}.legend b{color:var(--ink);margin:0 6px 0 8px}
.tools{display:flex;gap:12px;margin-top:12px;align-items:center;flex-wrap:wrap}
input[type=search]{flex:1;min-width:200px;font:inherit;padding:7px 12px;border:1px solid var(--line);border-radius:8px;
background:var(--ground);color:inherit}.order{display:flex}output{color:var(--dim);font-size:13.5px}output:empty{display:none}
button{font:inherit;font-size:14px;padding:6px 12px;border:1px solid var(--line);background:var(--paper);
color:inherit;cursor:pointer}button:first-child{border-radius:8px 0 0 8px}
button:last-child{border-radius:0 8px 8px 0;border-left:0}
button[aria-pressed=true]{background:var(--ink);color:var(--paper);border-color:var(--ink)}
.layers{overflow-x:auto}.body{display:flex;flex-direction:column;min-width:880px}
.row{display:grid;gap:0 14px;padding:6px 16px;font-size:14px;align-items:baseline;min-width:880px;
grid-template-columns:34px minmax(260px,1fr) 104px 92px 124px 150px}
.timed .row{grid-template-columns:34px 58px 92px 56px minmax(220px,1fr) 104px 92px 124px 110px}
.top{color:var(--dim);font-size:12.5px;border-bottom:1px solid var(--line)}
.top span:first-child,.timed .top span:nth-child(-n+4),.top span:nth-last-child(2){text-align:right}
.layer{border-top:1px solid var(--line)}.layer:first-child{border-top:0}.layer summary{cursor:pointer;list-style:none}
.layer summary::-webkit-details-marker{display:none}.layer summary:hover,.layer[open]{background:var(--ground)}
.nodes small{display:block}.share{position:relative;padding-right:2px}
.share i{position:absolute;left:0;bottom:-2px;height:3px;border-radius:2px;background:var(--ink)}
.vertical .share i{background:var(--vertical)}.horizontal .share i{background:var(--horizontal)}
.pointwise .share i{background:var(--pointwise)}.region .share i{background:var(--region)}
.mixed .share i{background:var(--mixed)}.none .share i{background:var(--none)}
.reformat .share i{background:var(--reformat)}
.chip{font-size:12.5px;padding:1px 8px;border-radius:99px;border:1px solid currentColor;white-space:nowrap}
.chip.vertical{color:var(--vertical)}.chip.horizontal{color:var(--horizontal)}.chip.pointwise{color:var(--pointwise)}
.chip.region{color:var(--region)}.chip.mixed{color:var(--mixed)}.chip.none{color:var(--none)}
.chip.reformat{color:var(--reformat)}.chip.dla{color:var(--good)}
.tactic{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:13px}
dl{display:grid;grid-template-columns:70px 1fr;gap:4px 14px;margin:0;padding:6px 16px 16px 64px}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}dd ul,dd ol{margin:0;padding:0;list-style:none}
article{padding:14px 16px;margin-bottom:10px;border-left:4px solid var(--bad)}article p{margin:6px 0 0}
.way{color:var(--good)}table{border-collapse:separate;border-spacing:0;padding:6px 0}td{padding:3px 14px;
vertical-align:baseline}.names{columns:3 220px;margin:8px 0;padding-left:18px}
details>summary h2{display:inline-block;cursor:pointer}
@media print{.tools,.legend{display:none}body{background:#fff}}
"""

_SCRIPT = """
const layers=[...document.querySelectorAll('.layer')],search=document.querySelector('input[type=search]'),
told=document.querySelector('output'),words=layers.map(l=>l.textContent.toLowerCase());
function find(){const asked=search.value.toLowerCase().split(/\\s+/).filter(Boolean);let n=0;
layers.forEach((l,i)=>{l.hidden=!asked.every(w=>words[i].includes(w));n+=!l.hidden});
told.textContent=asked.length?n+' of '+layers.length:''}
if(search)search.addEventListener('input',find);
const buttons=[...document.querySelectorAll('button[data-by]')];
buttons.forEach(b=>b.addEventListener('click',()=>{buttons.forEach(o=>o.ariaPressed=o===b);
layers.sort((a,c)=>a.dataset[b.dataset.by]-c.dataset[b.dataset.by])
.forEach(l=>l.parentNode.append(l))}));
"""
