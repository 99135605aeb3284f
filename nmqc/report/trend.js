"use strict";
// The interactive trend page. All data are in the element "data"; nothing is asked of any server.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const VERDICTS = { p: "pass", w: "warn", f: "fail", u: "unjudged" };
const WIDE = 1060, HIGH = 230, LEFT = 58, RIGHT = 92, TOP = 20, BOTTOM = 22, DAY = 1440;
const SHAPE = "http://www.w3.org/2000/svg";

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function shape(name, attributes, text) {
  const made = document.createElementNS(SHAPE, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return made;
}

const badge = (kind, word) => element("span", word, "badge " + kind);
// Minutes since 1970, as the page counts time, in the scanner's local time.
const minutes = (iso) => Date.parse(iso + (iso.length > 10 ? "Z" : "T00:00Z")) / 60000;
const moment = (at) => new Date(at * 60000).toISOString().slice(0, 16).replace("T", " ");

// --- the overview ------------------------------------------------------------------------------------

function overview() {
  const head = byId("head");
  for (const line of data.lines) head.append(element("p", line));
  head.append(element("h1", data.title), element("p", data.subtitle));
  byId("verdicts").textContent = data.verdicts;
  data.rows.forEach((row) => {
    const line = element("tr");
    const last = element("td"), trend = element("td");
    last.append(badge(row.verdict, row.verdict_word), " " + row.last);
    row.notes.forEach((note) => last.append(element("p", note, "words")));
    trend.append(badge(row.state, row.state_word));
    row.findings.forEach((finding) => trend.append(element("p", finding, "words")));
    line.append(element("td", row.kind ? `${row.system}, ${row.kind}` : row.system), element("td", row.test), last, trend, element("td", row.next));
    if (row.place) {
      line.dataset.test = row.place.join("/");
      line.tabIndex = 0;
      line.addEventListener("click", () => choose(...row.place));
      line.addEventListener("keydown", (key) => { if (key.key === "Enter") choose(...row.place); });
    }
    byId("overview").tBodies[0].append(line);
  });
}

// --- choosing ----------------------------------------------------------------------------------------

function fill(select, names, chosen) {
  select.replaceChildren(...names.map((name, place) => {
    const option = element("option", name);
    option.value = place;
    return option;
  }));
  select.value = Math.min(chosen, names.length - 1);
}

function choose(system, test) {
  fill(byId("system"), data.systems.map((one) => one.name), system);
  const tests = data.systems[system].tests;
  fill(byId("test"), tests.map((one) => one.title), test);
  fill(byId("metric"), ["what matters", "all", ...tests[byId("test").value].metrics], 0);
  draw();
}

function chosen() {
  const system = data.systems[byId("system").value];
  const test = system.tests[byId("test").value];
  const metric = Number(byId("metric").value);
  const series = test.series.filter((one) => metric === 1 || (metric === 0 ? one.large : one.metric === metric - 2));
  return { system, test, series };
}

function draw() {
  byId("tip").hidden = true;
  const { system, test, series } = chosen();
  const first = test.first, last = test.last, days = Number(byId("span").value);
  const period = [days ? Math.max(first, last - days * DAY) : first, last];
  const blocks = series.map((one) => block(one, system, period));
  byId("charts").replaceChildren(images(test), ...blocks, events(system));
}

function block(one, system, period) {
  const made = element("section");
  const title = element("h2", one.title + " ");
  title.append(badge(one.state, one.state_word));
  made.append(title, element("p", one.words, "words"), chart(one, system, period));
  return made;
}

function images(test) {
  const made = element("section", undefined, "images");
  if (test.images.length) made.append(element("h2", "last images"));
  test.images.forEach((one) => {
    const figure = element("figure"), image = element("img");
    image.src = one.source;
    image.alt = one.words;
    figure.append(image, element("figcaption", one.words));
    made.append(figure);
  });
  return made;
}

function events(system) {
  const table = element("table", undefined, "events");
  system.events.forEach((one) => {
    const line = element("tr");
    line.append(element("th", one.mark), element("td", one.day), element("td", one.text));
    table.append(line);
  });
  return table;
}

// --- a chart -----------------------------------------------------------------------------------------

function times(one) {
  if (!one.at) {
    let now = 0;
    one.at = one.t.map((step) => (now += step));
  }
  return one.at;
}

function scales(one, inside, period) {
  const values = inside.map((place) => one.v[place]).sort((a, b) => a - b);
  const tail = Math.floor(0.01 * values.length);
  let low = values[tail] ?? 0, high = values[values.length - 1 - tail] ?? 1;
  const long = (high - low) || Math.abs(high) || 1;
  const wanted = one.limits.flatMap((limit) => limit.ends.map((end) => end.value)).concat(one.levels.map((level) => level.value));
  wanted.sort((a, b) => Math.max(low - a, a - high) - Math.max(low - b, b - high));
  for (const value of wanted) {
    if (Math.max(high, value) - Math.min(low, value) <= 4 * long) { low = Math.min(low, value); high = Math.max(high, value); }
  }
  const room = 0.1 * ((high - low) || Math.abs(high) || 1);
  const margin = 0.005 * (period[1] - period[0]) || DAY / 2;
  const [start, end] = [period[0] - margin, period[1] + margin];
  return {
    low: low - room, high: high + room, start, end,
    x: (at) => LEFT + (Math.min(Math.max(at, start), end) - start) / (end - start) * (WIDE - LEFT - RIGHT),
    y: (value) => HIGH - BOTTOM - (Math.min(Math.max(value, low - room), high + room) - low + room) / (high - low + 2 * room) * (HIGH - TOP - BOTTOM),
  };
}

function chart(one, system, period) {
  const at = times(one);
  const inside = at.map((_, place) => place).filter((place) => at[place] >= period[0] && at[place] <= period[1]);
  const to = scales(one, inside, period);
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, tabindex: 0, role: "img", "aria-label": one.title + ". " + one.words });
  const path = (d, attributes) => { if (d) svg.append(shape("path", { d, fill: "none", ...attributes })); };
  ground(svg, one, to);
  path(`M${LEFT} ${TOP}V${HIGH - BOTTOM}H${WIDE - RIGHT}`, { stroke: "#000" });
  axes(svg, to);
  upright(svg, one, system, to);
  levels(svg, one, to);
  const judged = inside.filter((place) => !(place in one.x));
  const kept = judged.filter((place) => !(place in one.o));
  if (kept.length < 1500) path(kept.map((p) => one.u[p] ? `M${to.x(at[p]).toFixed(1)} ${to.y(one.v[p] - one.u[p]).toFixed(1)}V${to.y(one.v[p] + one.u[p]).toFixed(1)}` : "").join(""), { stroke: "#b9c4d6" });
  const dot = (p) => `M${to.x(at[p]).toFixed(1)} ${to.y(one.v[p]).toFixed(1)}`;
  path(kept.map((p) => dot(p) + "h.01").join(""), { stroke: "#16305c", "stroke-width": kept.length < 400 ? 4 : 2.5, "stroke-linecap": "round" });
  path(judged.filter((p) => one.f[p] === "w").map((p) => dot(p) + "m0-4l4 4l-4 4l-4-4z").join(""), { stroke: "#8a5a00", "stroke-width": 1.3 });
  path(judged.filter((p) => one.f[p] === "f").map((p) => dot(p) + "m-3-3h6v6h-6z").join(""), { fill: "#9b0000" });
  path(inside.filter((p) => p in one.x).map((p) => dot(p) + "m-3-3l6 6m0-6l-6 6").join(""), { stroke: "#606060" });
  path(inside.filter((p) => p in one.o).map((p) => dot(p) + "m-2.4-2.4l4.8 4.8m0-4.8l-4.8 4.8").join(""), { stroke: "#a0a0a0" });
  path(inside.filter((p) => one.notices.includes(p)).map((p) => dot(p) + "m-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0").join(""), { stroke: "#000", "stroke-width": 1.4 });
  if (one.drift) {
    const [begun, from, until, end] = one.drift;
    path(`M${to.x(begun)} ${to.y(from)}L${to.x(until)} ${to.y(end)}`, { stroke: "#000", "stroke-width": 2 });
  }
  hover(svg, one, inside, to);
  return svg;
}

function ground(svg, one, to) {
  for (const band of one.bands) {
    const left = to.x(band.from), right = to.x(band.to), top = to.y(band.high ?? Infinity), foot = to.y(band.low ?? -Infinity);
    svg.append(shape("rect", { x: left, y: top, width: right - left, height: foot - top, fill: "#ececec" }));
  }
  for (const [, low, high] of one.changes) {
    if (high >= to.start && low <= to.end) svg.append(shape("rect", { x: to.x(low), y: TOP, width: to.x(high) - to.x(low), height: HIGH - TOP - BOTTOM, fill: "#d9d9d9" }));
  }
}

function axes(svg, to) {
  const power = 10 ** Math.floor(Math.log10((to.high - to.low) / 5));
  const step = [1, 2, 5, 10, 20].map((factor) => factor * power).find((one) => (to.high - to.low) / one < 6);
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  for (let tick = Math.ceil(to.low / step); tick * step <= to.high; tick++) {
    const y = to.y(tick * step);
    svg.append(shape("path", { d: `M${LEFT} ${y}h-4`, stroke: "#000" }), shape("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, (tick * step).toFixed(places)));
  }
  const days = (to.end - to.start) / DAY;
  const months = [1, 2, 3, 6, 12, 24, 60].find((one) => days / 30.4 / one <= 12) ?? 120;
  const first = new Date(to.start * 60000);
  for (let number = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months; ; number++) {
    if (number % months) continue;
    const at = Date.UTC(Math.floor(number / 12), number % 12) / 60000;
    if (at > to.end) break;
    if (at < to.start) continue;
    svg.append(shape("path", { d: `M${to.x(at)} ${HIGH - BOTTOM}v4`, stroke: "#000" }), shape("text", { x: to.x(at), y: HIGH - 6, "text-anchor": "middle" }, moment(at).slice(0, 7)));
  }
}

function upright(svg, one, system, to) {
  const line = (at, dashes, width) => svg.append(shape("path", { d: `M${to.x(at)} ${HIGH - BOTTOM}V${TOP}`, stroke: dashes ? "#606060" : "#000", "stroke-dasharray": dashes, "stroke-width": width }));
  for (const event of system.events) {
    if (event.at < to.start || event.at > to.end) continue;
    line(event.at, "4 3", 1);
    const mark = shape("text", { x: to.x(event.at) - 6, y: TOP - 4, "text-anchor": "end" }, event.mark);
    mark.append(shape("title", {}, `${event.day}: ${event.text}`));
    svg.append(mark);
  }
  for (const at of one.parts) if (at > to.start && at < to.end) line(at, "1 3", 1);
  for (const [at] of one.changes) {
    if (at < to.start || at > to.end) continue;
    line(at, "", 1.4);
    svg.append(shape("path", { d: `M${to.x(at)} ${TOP}l-4-6h8z` }));
  }
}

const LOOKS = {
  fail: { stroke: "#9b0000", "stroke-width": 2 },
  warn: { stroke: "#8a5a00", "stroke-width": 1.5, "stroke-dasharray": "7 3" },
  baseline: { stroke: "#000" },
  provisional: { stroke: "#000", "stroke-dasharray": "4 4" },
  control: { stroke: "#000", "stroke-dasharray": "1 2.5" },
  acceptance: { stroke: "#000", "stroke-dasharray": "10 3 1 3" },
};

function levels(svg, one, to) {
  const named = [];
  const level = (look, word, value, from, until) => {
    const right = to.x(until), outside = value > to.high ? " ↑" : value < to.low ? " ↓" : "";
    if (right >= to.x(to.end) - 12) named.push([to.y(value), word + outside]);
    if (!outside) svg.append(shape("path", { d: `M${to.x(from)} ${to.y(value)}H${right}`, fill: "none", ...LOOKS[look] }));
  };
  one.limits.forEach((limit) => limit.ends.forEach((end) => level(end.level, `${end.level} ${end.value}`, end.value, limit.from, limit.to)));
  one.levels.forEach((line) => level(line.look, line.word, line.value, line.from, line.to));
  named.sort((a, b) => a[0] - b[0]);
  let above = -Infinity;
  for (const [y, word] of named) {
    above = Math.max(y, above + 11);
    svg.append(shape("text", { x: WIDE - RIGHT + 5, y: Math.min(above, HIGH - 4) + 4 }, word));
  }
}

// --- one value ---------------------------------------------------------------------------------------

function hover(svg, one, inside, to) {
  const at = times(one), ring = shape("circle", { r: 5, fill: "none", stroke: "#000", "stroke-width": 2, visibility: "hidden" });
  svg.append(ring);
  let here = inside.length - 1;
  const show = (place) => {
    const p = inside[place];
    here = place;
    ring.setAttribute("cx", to.x(at[p]));
    ring.setAttribute("cy", to.y(one.v[p]));
    ring.setAttribute("visibility", "visible");
    const box = svg.getBoundingClientRect(), tip = byId("tip");
    tip.textContent = told(one, p);
    tip.hidden = false;
    const x = box.left + to.x(at[p]) / WIDE * box.width, y = box.top + to.y(one.v[p]) / HIGH * box.height;
    tip.style.left = `${Math.max(4, Math.min(x + 12, document.documentElement.clientWidth - tip.offsetWidth - 8)) + window.scrollX}px`;
    tip.style.top = `${y + 14 + window.scrollY}px`;
  };
  svg.addEventListener("mousemove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * WIDE, y = (event.clientY - box.top) / box.height * HIGH;
    let best = -1, least = Infinity;
    inside.forEach((p, place) => {
      const far = Math.hypot(to.x(at[p]) - x, (to.y(one.v[p]) - y) / 2);
      if (far < least) { least = far; best = place; }
    });
    if (best >= 0) show(best);
  });
  const hide = () => { byId("tip").hidden = true; ring.setAttribute("visibility", "hidden"); };
  svg.addEventListener("mouseleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !inside.length) return;
    event.preventDefault();
    show(Math.min(Math.max(here + step, 0), inside.length - 1));
  });
}

function told(one, p) {
  const sure = one.u[p] ? ` ± ${one.u[p]}` : "";
  const verdict = p in one.x ? `excluded: ${one.x[p]}` : VERDICTS[one.f[p]];
  const left = p in one.o ? `, left out of the trend: ${one.o[p]}` : "";
  return `${moment(times(one)[p])}: ${one.v[p]}${sure} ${one.unit}, ${verdict}${left} (result ${one.n[p]})`;
}

if (data.systems.length) {
  const shown = data.rows.filter((row) => row.place);
  choose(...(shown.find((row) => row.verdict === "fail") ?? shown.find((row) => ["changed", "watch"].includes(row.state)) ?? shown[0]).place);
  byId("system").addEventListener("change", () => choose(Number(byId("system").value), 0));
  byId("test").addEventListener("change", () => choose(Number(byId("system").value), Number(byId("test").value)));
  byId("metric").addEventListener("change", draw);
  byId("span").addEventListener("change", draw);
} else {
  document.querySelector("nav").hidden = true;
}
overview();
