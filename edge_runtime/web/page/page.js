// The live page: asks for the run once a second and draws what it hears. Nothing is loaded from anywhere else.
"use strict";

const SPAN = 300;
const ASK_MS = 1000;
const PATIENCE_MS = 4000;
const byId = (id) => document.getElementById(id);
let chosen = new URLSearchParams(location.search).get("camera");
let rows = [], columns = [], server = "", count = 0, at = null, last = null, failures = 0;

function make(tag, attributes = {}, ...children) {
  const space = ["svg", "path"].includes(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const element = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) {
    // A style goes through its object: the page's own policy allows no style in attributes.
    if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const known = (value) => value !== null && value !== undefined;
const number = (value, digits = 1) => (known(value) ? value.toFixed(digits) : "–");
const ago = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")} ago`;

function lasting(seconds) {
  const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

// Now.

function tile(id, value, unit, note, broken = false) {
  byId(id).replaceChildren(value, ...(value === "–" || !unit ? [] : [make("em", {}, unit)]));
  byId(`${id}-note`).textContent = note;
  byId(id).parentElement.classList.toggle("broken", broken);
}

function state(kind, sentence) {
  const mark = { good: "✓", bad: "!", waiting: "…" }[kind];
  const shown = byId("state");
  shown.className = `state ${kind}`;
  shown.firstElementChild.textContent = mark;
  if (shown.lastElementChild.textContent !== sentence) shown.lastElementChild.textContent = sentence;
}

const low = (run) => known(run.fps) && known(run.fps_floor) && run.fps < 0.98 * run.fps_floor;
const over = (run) => known(run.power_w) && known(run.power_budget_w) && run.power_w > run.power_budget_w;

function showState(run) {
  if (!run.ready) { state(run.ended ? "bad" : "waiting", run.sentence); return; }
  const troubles = [run.alarm && "with an alarm", low(run) && "below the floor", over(run) && "above the power budget"].filter(Boolean);
  state(troubles.length ? "bad" : "good", ["running", ...troubles].join(", "));
}

function showNow(run) {
  byId("name").textContent = `${run.name} · ${run.cameras.map((camera) => camera.name).join(", ")}`;
  document.title = `${known(run.fps) ? `${run.fps.toFixed(0)} fps · ` : ""}${run.name}`;
  const giving = run.cameras.filter((camera) => known(camera.fps));
  const floor = known(run.fps_floor) ? `floor ${number(run.fps_floor, 0)}` : "no floor";
  tile("fps", number(run.fps), "fps", run.cameras.length > 1 ? `slowest of ${giving.length} cameras, ${floor}` : floor, low(run));
  tile("latency", number(run.latency_ms.p50), "ms", `p99 ${number(run.latency_ms.p99)} ms`);
  const allowed = known(run.power_budget_w) ? `budget ${run.power_budget_w} W` : "no budget";
  tile("power", number(run.power_w), "W", known(run.power_w) ? allowed : "not measured here", over(run));
  const zones = Object.entries(run.temp_c).sort((a, b) => b[1] - a[1]);
  tile("heat", zones.length ? number(zones[0][1], 0) : "–", "°C", zones.length ? zones[0][0] : "not measured here");
  if (zones.length) byId("heat").parentElement.title = zones.map(([zone, c]) => `${zone} ${c} °C`).join("\n");
  const lost = Object.entries(run.frames).filter(([name, n]) => n && !["captured", "published"].includes(name));
  tile("frames", run.frames.published.toLocaleString("en"), "", lost.map(([name, n]) => `${n} ${name}`).join(", ") || "none lost");
  showAlarms(run.alarms_now);
  showCameras(run.cameras);
  byId("uptime").textContent = `running for ${lasting(run.elapsed_s)}${run.measured_by ? ` · board measured by ${run.measured_by}` : ""}`;
  showStages(run.stages);
  showLists(run);
}

function showAlarms(alarms) {
  const bar = byId("alarm");
  bar.hidden = !alarms.length;
  // Read out by a screen reader when it changes, so it is left alone while it stays the same.
  if (bar.dataset.told === alarms.join("\n")) return;
  bar.dataset.told = alarms.join("\n");
  bar.replaceChildren(...alarms.map((text) => make("p", {}, text)));
}

// Several cameras: whose picture is shown is everybody's own choice, and stands in the page's address.

function choose(name) {
  chosen = name;
  history.replaceState(null, "", `?camera=${encodeURIComponent(name)}`);
  look(false);
  showCameras(last.cameras);
  look(wanted());
}

function showCameras(cameras) {
  const names = cameras.map((camera) => camera.name), several = names.length > 1;
  if (!names.includes(chosen)) { if (known(chosen)) look(false); chosen = names[0]; }
  const choice = byId("choice");
  choice.hidden = byId("cameras").hidden = !several;
  if (choice.children.length !== names.length || names.some((name, place) => choice.children[place].value !== name)) {
    choice.replaceChildren(...names.map((name) => make("button", { type: "button", value: name }, make("i", { "aria-hidden": "true" }), name)));
    for (const button of choice.children) button.addEventListener("click", () => choose(button.value));
  }
  cameras.forEach((camera, place) => {
    const button = choice.children[place];
    button.setAttribute("aria-pressed", String(camera.name === chosen));
    button.firstElementChild.textContent = camera.trouble ? "! " : "";
  });
  const away = cameras.find((camera) => camera.name === chosen)?.no_picture;
  byId("away").hidden = !away;
  byId("away").textContent = away || "";
  picture.alt = several ? `Live picture of ${chosen} with what was found in it` : "Live picture with what was found in it";
  if (!several) return;
  byId("cameras").querySelector("tbody").replaceChildren(...cameras.map((camera) => make("tr", camera.trouble ? { class: "bad" } : {},
    make("th", { scope: "row" }, camera.name), make("td", {}, number(camera.fps)), make("td", {}, number(camera.p99_ms)),
    make("td", { class: "wide" }, camera.published.toLocaleString("en")), make("td", {}, camera.lost.toLocaleString("en")),
    make("td", {}, camera.trouble || outages(camera)))));
}

const outages = (camera) => (camera.outages ? `${camera.outages}, longest ${lasting(camera.longest_outage_s)}` : "none");

const WAITING = ["source", "queue"];

function showStages(stages) {
  const most = Math.max(1, ...stages.filter((one) => !WAITING.includes(one.name)).map((one) => one.ms ?? 0));
  byId("stages").replaceChildren(...stages.map((one) => make("li", WAITING.includes(one.name) ? { class: "wait" } : {},
    make("span", { class: "name" }, one.name, ...(one.model ? [make("small", {}, one.model)] : [])),
    make("span", { class: "ms" }, known(one.ms) ? one.ms.toFixed(one.ms < 10 ? 2 : 1) : one.out ? "out" : "rests"),
    make("span", { class: "meter" }, make("i", { style: { width: `${Math.min(100, (100 * (one.ms ?? 0)) / most)}%` } })))));
}

function entry(kind, text, note = "") {
  const mark = { bad: "!", warn: "!", good: "✓", none: "–" }[kind];
  return make("li", { class: kind }, make("i", { "aria-hidden": "true" }, mark), make("span", {}, text), ...(note ? [make("small", {}, note)] : []));
}

function showLists(run) {
  const alarms = run.alarms.map((one) => entry("bad", one.text,
    `${one.times === 1 ? "once" : `${one.times} times`}, ${lasting(one.seconds)} in all, first ${lasting(one.first_s)} after the start`));
  const notices = run.notices.map((text) => entry("warn", text));
  byId("alarms").replaceChildren(...alarms, ...notices, ...(alarms.length + notices.length ? [] : [entry("none", "none since the start")]));
  const budgets = run.budgets.map((one) => {
    const held = one.held === one.windows;
    const share = held ? `held in all of ${one.windows} seconds` : `not held in ${one.windows - one.held} of ${one.windows} seconds`;
    return entry(one.windows ? (held ? "good" : "bad") : "none", `${one.name}: ${one.limit}`, one.windows ? share : "not measured yet");
  });
  byId("budgets").replaceChildren(...(budgets.length ? budgets : [entry("none", "the pipeline file states none")]));
}

// The last five minutes. Every chart spans them from the start, so that lines do not crawl while there are few.

const column = (name) => columns.indexOf(name);
const x = (t) => 1000 * (1 - (rows[rows.length - 1][0] - t) / SPAN);

function ticksUpTo(most) {
  let step = 10 ** Math.floor(Math.log10(most / 3));
  step *= [1, 2, 5, 10].find((factor) => most / (step * factor) <= 4);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, place) => place * step);
}

function line(values, high) {
  let path = "", pen = false, before = null;
  rows.forEach((row, place) => {
    const value = values[place];
    if (before !== null && row[0] - before > 5) pen = false;
    before = row[0];
    if (!known(value)) { pen = false; return; }
    path += `${pen ? "L" : "M"}${x(row[0]).toFixed(1)} ${(100 - (100 * value) / high).toFixed(2)}`;
    pen = true;
  });
  return path;
}

function timeAxis() {
  const label = (seconds) => (seconds ? `−${seconds / 60} min` : "now");
  return make("div", { class: "ticks", "aria-hidden": "true" }, ...[300, 240, 180, 120, 60, 0].map((seconds) =>
    make("span", { style: { left: `${100 * (1 - seconds / SPAN)}%` } }, label(seconds))));
}

function chart(id, value, limit, name, limitName, lacking) {
  const figure = byId(id), values = rows.map((row) => row[column(value)]), limits = rows.map((row) => row[column(limit)]);
  figure.querySelectorAll(":scope > :not(figcaption), .keys").forEach((old) => old.remove());
  if (!values.some(known)) { figure.append(make("p", { class: "lacking" }, lacking)); return; }
  const top = Math.max(...values.filter(known)), bounds = limits.filter(known);
  const high = 1.12 * Math.max(top, 1, ...bounds.filter((bound) => bound <= 3 * Math.max(top, 1)));
  const key = (kind, text) => make("span", {}, make("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, make("path", { d: "M0 5h26", class: kind })), text);
  figure.firstElementChild.append(make("span", { class: `keys ${value.split("_")[0]}` }, key("", name), ...(bounds.length ? [key("limit", limitName)] : [])));
  const svg = make("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img", "aria-label": `${name} over the last five minutes` },
    make("path", { d: line(limits, high), class: "limit" }), make("path", { d: line(values, high) }));
  const rules = ticksUpTo(high).map((tick) => make("i", { class: "rule", style: { bottom: `${(100 * tick) / high}%` } }, make("span", {}, String(+tick.toFixed(6)))));
  figure.append(make("div", { class: `plot ${value.split("_")[0]}` }, ...rules, svg), timeAxis());
}

function lanes() {
  const figure = byId("chart-point"), point = column("point");
  figure.querySelectorAll(":scope > :not(figcaption)").forEach((old) => old.remove());
  const held = new Set(rows.map((row) => row[point]).filter(known));
  const names = [...new Set([...last.points, ...held])].filter((name) => held.has(name));
  if (!names.length) { figure.append(make("p", { class: "lacking" }, "No governor: everything runs as the pipeline file has it.")); return; }
  const lane = (name) => {
    const shown = make("div", { class: "lane" }, make("span", {}, name));
    for (let from = 0; from < rows.length; from++) {
      if (rows[from][point] !== name) continue;
      let to = from;
      while (to + 1 < rows.length && rows[to + 1][point] === name) to++;
      const left = x(rows[from][0] - 1) / 10, right = x(rows[to][0]) / 10;
      shown.append(make("i", { style: { left: `${Math.max(0, left)}%`, width: `${right - Math.max(0, left)}%` } }));
      from = to;
    }
    return shown;
  };
  const why = last.reason || "";
  figure.append(make("p", { class: "why" }, why), make("div", { class: "plot lanes" }, ...names.map(lane)), timeAxis());
}

function showReading() {
  document.querySelectorAll(".plot > .now").forEach((old) => old.remove());
  const output = byId("reading");
  if (at === null || !rows.length) { output.textContent = "touch a chart to read it"; return; }
  const seconds = Math.max(0, (1 - at) * SPAN), t = rows[rows.length - 1][0] - seconds;
  const row = rows.reduce((best, one) => (Math.abs(one[0] - t) < Math.abs(best[0] - t) ? one : best));
  document.querySelectorAll(".plot").forEach((plot) => plot.append(make("i", { class: "now", style: { left: `${100 * at}%` } })));
  if (Math.abs(row[0] - t) > 3) { output.textContent = `${ago(seconds)}: nothing is known`; return; }
  const get = (name) => row[column(name)];
  const told = [known(get("fps")) && `${number(get("fps"))} fps`, known(get("power_w")) && `${number(get("power_w"))} W`,
    get("reason") || get("point"), get("alarm") && `ALARM: ${get("alarm")}`];
  output.textContent = `${ago(seconds)}: ${told.filter(Boolean).join(" · ") || "nothing is known"}`;
}

function drawCharts() {
  if (!rows.length || !last || !last.name) return;
  chart("chart-fps", "fps", "fps_floor", "frame rate", "floor", "No frame has come out yet.");
  chart("chart-power", "power_w", "power_budget_w", "power", "budget", "Power is not measured on this machine.");
  lanes();
  showReading();
}

document.querySelector(".charts").addEventListener("pointermove", (event) => {
  const plot = event.target.closest(".plot");
  if (!plot) return;
  const box = plot.getBoundingClientRect();
  at = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  showReading();
});
document.querySelector(".charts").addEventListener("pointerleave", () => { at = null; showReading(); });

// The picture is fetched only while somebody can see it.

const picture = byId("picture");
picture.addEventListener("load", () => { byId("no-picture").hidden = true; picture.hidden = false; });

const wanted = () => !document.hidden && Boolean(last.name) && !last.ended;

function look(now) {
  const looking = picture.hasAttribute("src");
  if (now && !looking) picture.src = `picture.mjpeg?camera=${encodeURIComponent(chosen)}&at=${Date.now()}`;
  if (!now && looking) picture.removeAttribute("src");
  if (!now) { picture.hidden = true; byId("no-picture").hidden = false; }
}
picture.addEventListener("error", () => { if (picture.hasAttribute("src")) look(false); });

async function ask() {
  try {
    const patience = AbortSignal.timeout ? AbortSignal.timeout(PATIENCE_MS) : undefined;
    const answer = await fetch(`live.json?since=${count}&server=${server}`, { signal: patience, cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    last = await answer.json();
    if (last.server !== server || failures) look(false);
    if (last.server !== server) { rows = []; server = last.server; }
    failures = 0;
    columns = last.columns;
    rows.push(...last.rows);
    count = last.count;
    if (rows.length) rows = rows.filter((row) => row[0] > rows[rows.length - 1][0] - SPAN);
    showState(last);
    if (last.name) showNow(last);
    look(wanted());
    if (!document.hidden) drawCharts();
  } catch (error) {
    failures += 1;
    if (failures > 1) { state("bad", "no answer; trying again"); look(false); }
  }
}

async function follow() {
  for (;;) {
    await ask();
    await new Promise((later) => setTimeout(later, document.hidden ? 10 * ASK_MS : ASK_MS));
  }
}
document.addEventListener("visibilitychange", () => { if (document.hidden) look(false); else ask(); });
follow();
