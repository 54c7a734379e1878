"""The parts that HTML pages of figures share: one file, no network, no script, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import yaml


def head(title: str, lead: str, tiles: Sequence[tuple[str, str, str]]) -> str:
    shown = "".join(
        f"<div><b>{escape(value)}</b><span>{escape(label)}</span><small>{escape(spread)}</small></div>"
        for label, value, spread in tiles
    )
    return f'<header><h1>{escape(title)}</h1><p>{escape(lead)}</p><div class="tiles">{shown}</div></header>'


def warnings(warnings: Sequence[str]) -> str:
    return "".join(f'<p class="warning">{escape(text)}</p>' for text in warnings)


def figure(title: str, chart: str, below: str = "") -> str:
    note = f"<p>{escape(below[:1].upper() + below[1:])}.</p>" if below else ""
    return f"<figure><figcaption>{escape(title)}</figcaption>{chart}{note}</figure>"


def configuration(configs: Mapping[str, Any]) -> str:
    """Pipeline files, each folded away under its title."""
    blocks = "".join(
        f"<details><summary>{escape(title)}</summary>"
        f"<pre>{escape(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))}</pre></details>"
        for title, config in configs.items()
    )
    return f"<section><h2>Configuration</h2>{blocks}</section>"


def page(title: str, parts: Sequence[str], style: str = "") -> str:
    """The whole document; `style` is what only this page needs."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline';"
        ' img-src data:">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style></head>\n<body><main>{''.join(parts)}</main></body></html>\n"
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
.row{text-anchor:end}.value{font-variant-numeric:tabular-nums}
svg text.name{fill:var(--ink);font-size:11px;stroke:var(--paper);stroke-width:3px;paint-order:stroke}
.faint{opacity:.55}.grid{stroke:var(--line)}
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
table{font-size:13.5px;min-width:100%}th,td{padding:4px 5px}th:first-child{padding-left:11px}td:last-child{
padding-right:11px}tr:first-child th{font-size:12px}
.tiles,.misses{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media print{body{background:#fff}.charts figure,.misses figure{break-inside:avoid}}
"""
