"""How the page of a run looks, and the few lines of script that read its charts at a second."""

from __future__ import annotations

# Okabe and Ito's colours (jfly.uni-koeln.de/color), which nearly everyone can tell apart; darker ones on white. What is
# broken is hatched and crossed, not only red.
STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ground:#f4f5f7;--ink:#1c2127;--dim:#626c77;--line:#e1e4e8;
--s0:#0072b2;--s1:#d55e00;--s2:#009e73;--s3:#b8569a;--s4:#a07800;--s5:#2f9bd6;--bad:#b3261e;--good:#15803d;--warn:#8a6100;
--bad-soft:#b3261e26;--wash:#0072b21f}
@media(prefers-color-scheme:dark){:root{--paper:#191d22;--ground:#111418;--ink:#e4e7ea;--dim:#98a3ae;--line:#2b3138;
--s0:#56b4e9;--s1:#f0854a;--s2:#2fc79a;--s3:#df8fc2;--s4:#e0bd3c;--s5:#8fa8ff;--bad:#f28b82;--good:#5cc983;--warn:#e6b450;
--bad-soft:#f28b8238;--wash:#56b4e926}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 24px 72px}
h1{font-size:28px;line-height:1.2;margin:2px 0 14px;overflow-wrap:anywhere}h2{font-size:17px;margin:36px 0 12px}
h3{font-size:14px;margin:0;font-weight:600}h3 small{display:inline;margin-left:4px}
small{display:block;color:var(--dim);font-size:12.5px;font-weight:400}
.over{margin:0;color:var(--dim);font-size:13px;overflow-wrap:anywhere}
td,b,output{font-variant-numeric:tabular-nums}
.verdict{display:flex;gap:12px;align-items:flex-start;margin:0 0 18px;padding:14px 18px;font-size:18px;font-weight:600;
border-radius:12px;background:var(--paper);border:1px solid var(--line);border-left:6px solid var(--warn);
overflow-wrap:anywhere}
.verdict i{font-style:normal;color:var(--warn)}.verdict span{min-width:0}
.verdict.held{border-left-color:var(--good)}.verdict.broken{border-left-color:var(--bad)}
.verdict.held i{color:var(--good)}.verdict.broken i{color:var(--bad)}
.tiles,.budgets{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px}
.tiles div,.budget,.card,details,.panels,.stills figure{background:var(--paper);border:1px solid var(--line);
border-radius:12px}
.tiles div{padding:12px 16px}.tiles b{display:block;font-size:26px;line-height:1.25}.tiles span{font-size:13.5px}
.budgets{grid-template-columns:repeat(auto-fit,minmax(220px,1fr))}.budget{padding:14px 16px}
.budget h3 i{font-style:normal;color:var(--warn)}.budget.held h3 i{color:var(--good)}
.budget.broken h3 i{color:var(--bad)}
.budget b{font-size:24px;line-height:1.3}.budget span{display:block;font-size:13.5px}
.meter{height:6px;margin:10px 0 8px;border-radius:3px;overflow:hidden;background:var(--bad-soft)}
.unjudged .meter{background:var(--line)}.meter i{display:block;height:100%;background:var(--s0)}
.key{display:flex;align-items:center;gap:8px;margin:-4px 0 10px;color:var(--dim);font-size:13px}
.key .broken{position:static;width:22px;height:14px;border-radius:3px;flex:none}
.panels{padding:6px 18px 14px}.panel{margin:0;padding:14px 0 6px}.panel+.panel{border-top:1px solid var(--line)}
figcaption{font-size:14px}.panel figcaption{display:flex;flex-wrap:wrap;gap:4px 18px;align-items:baseline;
justify-content:space-between;margin-bottom:8px}
.panel ul{display:flex;flex-wrap:wrap;gap:2px 16px;margin:0;padding:0;list-style:none;font-size:13px;color:var(--ink)}
.panel li svg{width:26px;height:10px;margin-right:6px;vertical-align:0;overflow:visible}
.panel li path{stroke:currentColor;stroke-width:2.4;fill:none}li.limit svg,li[class^=s] svg{display:inline-block}
.panel li b{display:inline-block;min-width:3.2em}.scrub[hidden]~.panels li b{display:none}
.area{position:relative;height:132px;margin-left:44px;touch-action:pan-y;cursor:crosshair}
.area>svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.area .line{fill:none;stroke:currentColor;stroke-width:1.8;vector-effect:non-scaling-stroke;stroke-linejoin:round;
stroke-linecap:round}
.s0{color:var(--s0)}.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}.s4{color:var(--s4)}.s5{color:var(--s5)}
.limit{color:var(--bad)}.panel li{white-space:nowrap}.panel li svg{color:inherit}
.rule{position:absolute;left:0;right:0;height:0;border-top:1px solid var(--line)}
.rule span{position:absolute;right:100%;margin-right:8px;transform:translateY(-50%);font-style:normal;font-size:12px;
line-height:1;color:var(--dim);font-variant-numeric:tabular-nums;top:0}
i.broken{position:absolute;top:0;bottom:0;background:repeating-linear-gradient(-45deg,var(--bad-soft) 0 4px,
transparent 4px 7px),var(--bad-soft)}
.now{position:absolute;top:0;bottom:0;width:0;border-left:1.5px solid var(--ink);opacity:.7;display:none}
.clock{position:relative;height:20px;margin-left:44px;font-size:12px;color:var(--dim)}
.clock span{position:absolute;top:5px;transform:translateX(-50%);line-height:1}.clock span:first-child{transform:none}
.lanes{height:auto;overflow:hidden}.lane{position:relative;height:36px;border-top:1px solid var(--line)}
.lane i{position:absolute;top:19px;bottom:5px;background:var(--s0);border-radius:3px;min-width:2px;opacity:.8}
.lane i:hover{opacity:1}.lane span{position:absolute;left:0;top:3px;font-size:12px;
line-height:14px}
.scrub{position:sticky;top:0;z-index:2;display:grid;gap:4px;margin-bottom:10px;padding:10px 18px;
background:var(--paper);border:1px solid var(--line);border-radius:12px;box-shadow:0 4px 14px #0001}
.scrub[hidden]{display:none}
.scrub input{width:calc(100% - 44px);margin:0 0 0 44px;accent-color:var(--s0)}
.scrub output{font-size:13.5px;min-height:2.9em;overflow:hidden;display:-webkit-box;-webkit-line-clamp:2;
-webkit-box-orient:vertical}.scrub output em{font-style:normal;color:var(--bad);font-weight:600}
.stills{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,235px),1fr));gap:12px}
.stills figure{margin:0;overflow:hidden;max-width:540px}.stills img{display:block;width:100%;height:auto}
.stills label{display:block;cursor:zoom-in}.stills input{position:absolute;opacity:0}
.stills :focus-visible+img{outline:3px solid var(--s0);outline-offset:-3px}
.stills figure:has(:checked){grid-column:1/-1;max-width:none}.stills :checked+img{cursor:zoom-out}
.stills figcaption{padding:9px 14px 11px;font-weight:600}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:0 16px;align-items:start}
.card{padding:16px 18px}.card p{margin:10px 0 0;color:var(--dim);font-size:13px}
.bar{display:flex;height:16px;gap:2px;margin-bottom:8px;border-radius:4px;overflow:hidden}.bar i{min-width:3px}
th i{display:inline-block;width:11px;height:11px;margin-right:8px;border-radius:3px}
.f0{background:var(--s0)}
.f1{background:repeating-linear-gradient(90deg,var(--s4) 0 4px,transparent 4px 6px),var(--line)}
.f2{background:repeating-linear-gradient(-45deg,var(--s1) 0 3px,transparent 3px 5px),var(--line)}
.f3{background:var(--bad)}
table{border-collapse:collapse;width:100%}th,td{padding:5px 8px;text-align:right;vertical-align:baseline}
th:first-child{text-align:left;padding-left:0;font-weight:500}td:last-child,th:last-child{padding-right:0}
tr+tr>*{border-top:1px solid var(--line)}.stages tr:first-child th,
.cameras tr:first-child th{color:var(--dim);font-weight:400;font-size:12.5px}.cameras td,.cameras th{white-space:nowrap}
.ended p{margin:8px 0 0;padding:9px 16px;background:var(--paper);border:1px solid var(--line);border-radius:8px;
border-left:4px solid var(--bad);overflow-wrap:anywhere}
.stages th small{display:inline}.stages td,.stages th{white-space:nowrap}
.time{position:relative;width:46%}.time i{position:absolute;left:8px;top:50%;max-width:calc(100% - 16px)}
.time .p50{height:12px;margin-top:-6px;border-radius:2px;background:var(--s0)}
.time .p99{height:0;border-top:2px solid var(--dim);opacity:.6}.host .p50{background:var(--s1)}
.waits .p50{background:repeating-linear-gradient(90deg,var(--dim) 0 3px,transparent 3px 5px)}
.list td,.list th{text-align:left;vertical-align:top}.list td:first-child{padding-left:0;white-space:nowrap;
color:var(--dim)}.list tr:first-child th{font-weight:400;color:var(--dim);font-size:12.5px}
.list td:last-child{width:99%;overflow-wrap:anywhere}.list b{white-space:nowrap;font-weight:600}
.serious b{color:var(--bad)}.scroll{overflow-x:auto}details{padding:12px 18px;margin-bottom:12px}summary{cursor:pointer}
details[open] summary{margin-bottom:8px}pre{overflow-x:auto;margin:0}pre,code{font:13px/1.45 ui-monospace,
SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.notes{margin:0;padding:0;list-style:none}.notes li{margin-bottom:8px;padding:9px 16px;background:var(--paper);
border:1px solid var(--line);border-left:4px solid var(--line);border-radius:8px;overflow-wrap:anywhere}
.warn li{border-left-color:var(--warn)}.plain{margin:8px 0 0;padding-left:18px;font-size:13.5px}
.recall .card{max-width:480px}.recall svg{display:block;width:100%;height:auto;font-size:12px}
.recall text{fill:var(--dim)}.recall .tick{text-anchor:middle}.recall .row{text-anchor:end}
.recall .grid{stroke:var(--line)}
.recall g{stroke-width:2;fill:none}.recall polyline{stroke:currentColor}.recall g>circle,.recall g>rect,
.recall g>path{fill:currentColor;stroke:none}.recall .keys{display:flex;flex-wrap:wrap;gap:4px 16px;margin:8px 0 0;
padding:0;list-style:none;font-size:13px}.recall .keys li{display:flex;align-items:center;gap:6px}
.recall .key{width:26px;margin:0;flex:none}
@media(max-width:560px){main{padding:20px 12px 48px}h1{font-size:23px}.verdict{font-size:16px;padding:12px 14px}
.tiles{grid-template-columns:repeat(2,minmax(0,1fr));gap:8px}.tiles div{padding:10px 12px}.tiles b{font-size:22px}
.panels{padding:4px 12px 10px}.area{margin-left:34px}.area:not(.lanes){height:112px}
.clock{margin-left:34px}.scrub{padding:8px 12px}
.scrub input{width:calc(100% - 34px);margin-left:34px}.card{padding:12px}.time{width:34%}
.clock span:nth-child(even){display:none}.cameras .wide{display:none}.list td:first-child{white-space:normal}}
@media print{body{background:#fff}.scrub{display:none}.panel,.budget,.stills figure,.card{break-inside:avoid}}
"""

# The slider, a finger and the mouse all move one line through every chart; arrow keys move the slider by themselves.
SCRIPT = """
const data=JSON.parse(document.getElementById('series').textContent);
const scrub=document.querySelector('.scrub');
if(scrub){
const input=scrub.querySelector('input'),output=scrub.querySelector('output');
const areas=[...document.querySelectorAll('.area')],values=[...document.querySelectorAll('[data-series]')];
const clock=s=>{const h=Math.floor(s/3600),m=Math.floor(s/60)%60,r=String(Math.floor(s%60)).padStart(2,'0');
return h?h+':'+String(m).padStart(2,'0')+':'+r:m+':'+r};
const within=(list,t)=>list.find(one=>t>=one[0]&&t<=one[1]);
const nearest=(line,t)=>{let a=0,b=line.length-1;if(b<0)return null;
while(b-a>1){const m=(a+b)>>1;line[m][0]<t?a=m:b=m}
return Math.abs(line[a][0]-t)<Math.abs(line[b][0]-t)?line[a][1]:line[b][1]};
const show=t=>{t=Math.min(data.span,Math.max(0,t));input.value=t;
for(const area of areas){const now=area.querySelector('.now');
now.style.display='block';now.style.left=100*t/data.span+'%'}
for(const place of values){const value=nearest(data.lines[place.dataset.series],t);
place.textContent=value===null?'–':value.toFixed(place.dataset.digits)}
const point=within(data.points,t),broken=within(data.broken,t);
output.textContent=clock(t);
if(broken){const em=document.createElement('em');em.textContent=' · not held: '+broken[2];output.append(em)}
if(point)output.append(' · '+(point[3]||point[2]))};
input.addEventListener('input',()=>show(Number(input.value)));
for(const area of areas){const read=event=>{const box=area.getBoundingClientRect();
show(data.span*(event.clientX-box.left)/box.width)};
area.addEventListener('pointermove',read);area.addEventListener('pointerdown',read)}
scrub.hidden=false;show(data.at)}
"""
