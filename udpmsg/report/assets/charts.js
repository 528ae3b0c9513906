// What the page's scripts draw from, and the charts (uPlot draws them). page.js has the ledger and the controls.
// Reads the data that report/page/columns.py wrote; asks nobody else for anything. Times are microseconds until they are shown.
"use strict";
const at = (id) => document.getElementById(id);
const data = JSON.parse(at("data").textContent);
// A mode's stroke and marker, for those who see or print no colour; its colour is in page.css. What is drawn first is wider, so
// that lines which fall together can all be seen.
const LOOKS = {
  "udp": { dash: [], width: 5.5, marker: "circle", radius: 6 },
  "udp+ack": { dash: [10, 4], width: 3.5, marker: "square", radius: 4.4 },
  "tcp": { dash: [3, 2], width: 2, marker: "triangle", radius: 3.3 },
};
const MOST_STEPS = 3000;  // of a curve that sums up: more than a screen has columns
const LANE = 15;  // height of a row of crosses, in CSS pixels
const look = (mode) => LOOKS[mode] || LOOKS.udp;

// ---- data -------------------------------------------------------------------------------------------------------------------

const column = (values, count) => Array.isArray(values) ? values : new Array(count).fill(values);

/** A run with whole columns in place of exceptions, made when it is first looked at. */
function whole(run) {
  if (run.outcome) return run;
  const { count } = run;
  run.sequence = run.sequence || Array.from({ length: count }, (_, i) => i + 1);
  run.due = run.due || Array.from({ length: count }, (_, i) => i * data.interval);
  run.sent = column(run.sent, count);
  run.delay = column(run.delay, count);
  run.shown = run.round_trip || run.delay;  // what the delay charts show
  run.outcome = new Array(count).fill("delivered");
  run.cause = [];
  for (const [i, outcome, cause, reason] of run.not_delivered) {
    run.outcome[i] = outcome;
    run.cause[i] = [cause, reason && `(${reason})`].filter(Boolean).join(" ");
  }
  run.times = new Array(count).fill(1);
  for (const [i, times] of run.transmissions) run.times[i] = times;
  run.notes = [];
  const note = (i, word) => { run.notes[i] = run.notes[i] ? `${run.notes[i]}, ${word}` : word; };
  for (const [i, times] of run.duplicates) note(i, times === 1 ? "came twice" : `came ${times + 1} times`);
  for (const [from, to] of run.reordered) for (let i = from; i <= to; i++) note(i, "reordered");
  for (const [from, to] of run.late) for (let i = from; i <= to; i++) note(i, "late");
  run.missing = run.not_delivered.filter(([, outcome]) => outcome === "lost" || outcome === "refused").map(([i]) => i);
  return run;
}

let repetition = data.runs.length ? data.runs[0].repetition : 1;
const runs = () => data.runs.filter((run) => run.repetition === repetition).map(whole);

const ascending = (values) => Float64Array.from(values.filter((value) => value !== null)).sort();

/** How many of `sorted` are at most each of `steps`, both ascending. */
function counts(sorted, steps) {
  let i = 0;
  return steps.map((step) => {
    while (i < sorted.length && sorted[i] <= step) i++;
    return i;
  });
}

/** Where curves of these values, each ascending, may step: at the values themselves, or where they are too many, evenly on the
    axis, which may be logarithmic. */
function steps(columns, logarithmic = false) {
  const filled = columns.filter((values) => values.length);
  if (filled.reduce((sum, values) => sum + values.length, 0) <= MOST_STEPS) {
    return [...new Set(filled.flatMap((values) => Array.from(values)))].sort((a, b) => a - b);
  }
  const low = Math.min(...filled.map((values) => values[0]));
  const high = Math.max(...filled.map((values) => values[values.length - 1]));
  return Array.from({ length: MOST_STEPS + 1 }, (_, i) => {
    const share = i / MOST_STEPS;
    return logarithmic ? low * (high / low) ** share : low + (high - low) * share;
  });
}

// ---- charts -----------------------------------------------------------------------------------------------------------------

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colourOf = (mode) => colour(`--${mode.replace("+", "-")}`) || colour("--text");
const english = (value) => value.toLocaleString("en");
/** An axis' unit and its numbers: seconds where milliseconds would be long. */
const timeAxis = (longest, before) => longest < 1e7
  ? [`${before}ms`, (value) => english(value / 1000)]
  : [`${before}s`, (value) => english(value / 1e6)];
const largest = (columns) => columns.reduce((most, values) => values.reduce((a, b) => Math.max(a, b), most), 0);
const milliseconds = (value) => value === null || value === undefined ? "–" : `${(value / 1000).toFixed(value < 1e5 ? 1 : 0)} ms`;
const font = (size) => `${size}px system-ui, sans-serif`;

const marks = {
  circle: (path, x, y, r) => { path.moveTo(x + r, y); path.arc(x, y, r, 0, 2 * Math.PI); },
  square: (path, x, y, r) => path.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8),
  triangle: (path, x, y, r) => {
    path.moveTo(x, y - r * 1.2);
    path.lineTo(x + r * 1.1, y + r * 0.8);
    path.lineTo(x - r * 1.1, y + r * 0.8);
    path.closePath();
  },
};

/** Markers at the points of a series. */
const pointsOf = (mode) => (u, series, from, to) => {
  const path = new Path2D();
  const radius = look(mode).radius * uPlot.pxRatio;
  const [xs, ys] = [u.data[0], u.data[series]];
  for (let i = from; i <= to; i++) {
    if (ys[i] != null) marks[look(mode).marker](path, u.valToPos(xs[i], "x", true), u.valToPos(ys[i], "y", true), radius);
  }
  return { fill: path, stroke: null };
};

/** A line through the points while they can be told apart; else every point as a dot, one for each place on the screen. */
const crowded = (u, from, to, room = 1) => to - from > u.bbox.width / uPlot.pxRatio / room;  // room: CSS pixels that a point needs
const lineOrDots = (mode) => {
  const line = uPlot.paths.linear();
  return (u, series, from, to) => {
    if (!crowded(u, from, to)) return line(u, series, from, to);
    const path = new Path2D();
    const [xs, ys] = [u.data[0], u.data[series]];
    const size = 2 * uPlot.pxRatio;
    const taken = new Set();
    for (let i = from; i <= to; i++) {
      if (ys[i] == null) continue;
      const x = Math.round(u.valToPos(xs[i], "x", true)), y = Math.round(u.valToPos(ys[i], "y", true));
      const place = y * 16384 + x;
      if (taken.has(place)) continue;
      taken.add(place);
      path.rect(x - size / 2, y - size / 2, size, size);
    }
    return { stroke: null, fill: path, clip: null, flags: 0, _fill: colourOf(mode) };
  };
};

/** Crosses above the chart for what never came, a row a mode; strokes where they are many. */
function crosses(u, shown) {
  const { ctx, bbox } = u;
  const r = uPlot.pxRatio;
  const missing = shown.filter((run) => run.missing.length);
  ctx.save();
  ctx.lineWidth = 2 * r;
  ctx.font = font(13 * r);
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  missing.forEach((run, lane) => {
    if (!u.series[shown.indexOf(run) + 1].show) return;
    const y = bbox.top - (missing.length - lane - 0.5) * LANE * r;
    ctx.strokeStyle = ctx.fillStyle = colourOf(run.mode);
    ctx.fillText(run.outcome[run.missing[0]], bbox.left - 6 * r, y);
    ctx.beginPath();
    const crowd = run.missing.length > bbox.width / (12 * r);
    let last = -Infinity;
    for (const i of run.missing) {
      const x = u.valToPos(run.sequence[i], "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width || x - last < r) continue;
      last = x;
      if (crowd) { ctx.fillRect(x, y - 5 * r, r, 10 * r); continue; }
      ctx.moveTo(x - 4 * r, y - 4 * r); ctx.lineTo(x + 4 * r, y + 4 * r);
      ctx.moveTo(x + 4 * r, y - 4 * r); ctx.lineTo(x - 4 * r, y + 4 * r);
    }
    ctx.stroke();
  });
  ctx.restore();
}

/** A dashed line at the delay from which a message is late. */
function lateLine(u) {
  const y = Math.round(u.valToPos(data.late, "y", true));
  const { ctx, bbox } = u;
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  const r = uPlot.pxRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--quiet");
  ctx.setLineDash([6 * r, 5 * r]);
  ctx.beginPath(); ctx.moveTo(bbox.left, y); ctx.lineTo(bbox.left + bbox.width, y); ctx.stroke();
  ctx.font = font(13 * r);
  ctx.textAlign = "right"; ctx.textBaseline = "bottom";
  ctx.fillText("late", bbox.left + bbox.width - 4 * r, y - 2 * r);
  ctx.restore();
}

const ROUND = [1, 2, 5].flatMap((digit) => Array.from({ length: 16 }, (_, power) => digit * 10 ** power)).sort((a, b) => a - b);
const WHOLE = { incrs: ROUND };  // counts have no fractions
const DECADES = {  // of a logarithmic axis
  splits: (u, axis, low, high) => ROUND.filter((value) => value >= low && value <= high), filter: (u, splits) => splits,
};
const axis = (label, values, size = 34, more = {}) => ({
  label, size, labelSize: 26, labelFont: font(15), font: font(14), gap: 6, space: size > 34 ? 36 : 68,
  values: (u, splits) => splits.map(values), stroke: colour("--text"),
  grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, ...more,
});

const seriesOf = (run, value, extra) => ({
  label: legendOf(run.mode), stroke: colourOf(run.mode), width: look(run.mode).width, dash: look(run.mode).dash, value, ...extra,
});

/** A mode in a legend: its marker and its name. */
function legendOf(mode) {
  const label = document.createElement("span");
  const mark = document.querySelector(`.figures .m-${mode.replace("+", "-")} .mark`);
  label.className = `m-${mode.replace("+", "-")}`;
  if (mark) label.append(mark.cloneNode(true));
  label.append(data.names[mode]);
  return label;
}

/** The longest delay, or that from which a message is late, where it is not far above. */
const withLate = (longest) => longest > data.late / 2 ? Math.max(longest, data.late) : longest;

/** A little room beside the first and the last point. */
const beside = (u, low, high) => [low - (high - low) * 0.008 - 0.1, high + (high - low) * 0.008 + 0.1];

const drawn = [];

/** One chart in its place, as wide as that is. Says so where there is nothing to draw. */
function chart(id, table, options) {
  const place = at(id);
  if (!table[0].length || table.slice(1).every((values) => values.every((value) => value === null))) {
    place.textContent = data.nothing;
    return;
  }
  const height = Math.round(Math.min(460, Math.max(300, window.innerHeight * 0.5)));
  const usual = { cursor: { drag: { x: true, y: false } }, legend: { markers: { show: false } } };
  drawn.push(new uPlot({ width: place.clientWidth, height, ...usual, ...options }, table, place));
}

function drawCharts() {
  while (drawn.length) drawn.pop().destroy();
  for (const id of ["delay", "progress", "share"]) at(id).replaceChildren();
  const shown = runs();
  const longest = shown.reduce((a, b) => (b.count > a.count ? b : a), { count: 0, sequence: [], due: [] });
  const roundTrip = shown.some((run) => run.round_trip);
  at("delay-title").textContent = roundTrip ? "Round trip of each message." : "Delay of each message.";
  at("delay-words").textContent = roundTrip
    ? "From sending to the acknowledgment, by the sender's clock."
    : "From due to delivered. A staircase going down is messages that waited for one before them; "
      + "a cross is one that never came.";
  at("share-words").textContent = roundTrip
    ? "Of all messages sent; one that was sent again has no certain round trip."
    : "Of all messages sent; what a line lacks to 100 % was not delivered.";

  const lanes = shown.filter((run) => run.missing.length).length;
  chart("delay", [longest.sequence, ...shown.map((run) => run.shown)], {
    padding: [lanes * LANE + 8, 24, 0, 0],
    scales: { x: { time: false, range: beside }, y: { range: (u, low, high) => [0, withLate(high || 1) * 1.06] } },
    axes: [axis("message", english, 34, WHOLE), axis(...timeAxis(largest(shown.map((run) => run.shown)), ""), 66)],
    series: [{ label: "Message", value: (u, value) => value ?? "–" }, ...shown.map((run) => seriesOf(run,
      (u, value, series, i) => i === null ? "–" : value === null || value === undefined ? run.outcome[i] || "–" : milliseconds(value),
      {
        paths: lineOrDots(run.mode),
        points: { show: (u, series, from, to) => !crowded(u, from, to, 7), paths: pointsOf(run.mode), fill: colourOf(run.mode) },
      }))],
    hooks: { draw: [(u) => crosses(u, shown), ...(roundTrip ? [] : [lateLine])] },
  });

  const stepped = { paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } };
  const delivered = shown.map((run) => ascending(run.delay.map((delay, i) => delay === null ? null : run.due[i] + delay)));
  const moments = steps([[0], longest.due, ...delivered]);
  const none = delivered.every((values) => values.length === 0);
  chart("progress", none ? [[]] : [moments, counts(longest.due, moments), ...delivered.map((values) => counts(values, moments))], {
    scales: { x: { time: false }, y: { range: (u, low, high) => [0, (high || 1) * 1.04] } },
    axes: [axis(...timeAxis(moments[moments.length - 1], "time, ")), axis("messages", english, 80, WHOLE)],
    series: [
      { label: "Time", value: (u, value) => milliseconds(value) },
      { label: "Due", stroke: colour("--quiet"), alpha: 0.35, width: 8, value: (u, value) => value ?? "–", ...stepped },
      ...shown.map((run) => seriesOf(run, (u, value) => value ?? "–", stepped)),
    ],
  });

  const delays = shown.map((run) => ascending(run.shown));
  const ends = delays.filter((values) => values.length).map((values) => [values[0], values[values.length - 1]]);
  const least = Math.min(...ends.map(([low]) => low)), most = Math.max(...ends.map(([, high]) => high));
  const logarithmic = least > 0 && most > 20 * least;  // or a long tail would leave no room for all the others
  const limits = [logarithmic ? least * 0.8 : 0, ...steps(delays, logarithmic), most * 1.05];  // so that first and last step show
  const share = (run, values) => roundTrip && !run.round_trip ? limits.map(() => null)
    : counts(values, limits).map((count) => 100 * count / Math.max(1, run.count));
  chart("share", ends.length === 0 ? [[]] : [limits, ...shown.map((run, i) => share(run, delays[i]))], {
    scales: { x: { time: false, distr: logarithmic ? 3 : 1, range: (u, low, high) => [low, high] }, y: { range: [0, 102] } },
    axes: [axis(...timeAxis(most, roundTrip ? "round trip, " : "delay, "), 34, logarithmic ? DECADES : {}), axis("%", (value) => value, 60)],
    series: [{ label: "Within", value: (u, value) => milliseconds(value) }, ...shown.map((run) => seriesOf(run,
      (u, value) => value === null || value === undefined ? "–" : `${value.toFixed(1)} %`,
      stepped))],
  });
  document.documentElement.dataset.drawn = String(Number(document.documentElement.dataset.drawn || 0) + 1);
}
