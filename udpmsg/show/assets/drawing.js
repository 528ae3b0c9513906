// What every page draws with: its data, the modes' looks, axes, and one chart in its place (uPlot draws it). Which charts there are
// is another script's: charts.js has a comparison's, bench.js a benchmark's. Asks nobody for anything, and has no words of its own:
// these are the data's (report/page/texts.py), in the user's language.
"use strict";
const at = (id) => document.getElementById(id);
const data = JSON.parse(at("data").textContent);
const { words } = data;
// A mode's stroke and marker, for those who see or print no colour; its colour is in page.css. What is drawn first is wider, so
// that lines which fall together can all be seen.
const LOOKS = {
  "udp": { dash: [], width: 5.5, marker: "circle", radius: 6 },
  "udp+ack": { dash: [10, 4], width: 3.5, marker: "square", radius: 4.4 },
  "tcp": { dash: [3, 2], width: 2, marker: "triangle", radius: 3.3 },
};
const look = (mode) => LOOKS[mode] || LOOKS.udp;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colourOf = (mode) => colour(`--${mode.replace("+", "-")}`) || colour("--text");
/** A number as the language writes it: 1,234.5. */
const written = (value) => value.toLocaleString(data.language);
/** The same with so many digits after the point, or in all. */
const fixed = (value, digits) =>
  value.toLocaleString(data.language, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });
const precise = (value, digits) =>
  value.toLocaleString(data.language, { minimumSignificantDigits: digits, maximumSignificantDigits: digits, useGrouping: false });
/** A text with these values in its places. */
const filled = (text, ...values) => values.reduce((done, value) => done.replace("{}", () => value), text);
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

const drawn = [];

/** One chart in its place, an element or its id, as wide as that is. Says so where there is nothing to draw, in these words. */
function chart(where, table, options, nothing = data.nothing) {
  const place = typeof where === "string" ? at(where) : where;
  if (!table[0].length || table.slice(1).every((values) => values.every((value) => value === null))) {
    place.textContent = nothing;
    return;
  }
  const height = Math.round(Math.min(460, Math.max(300, window.innerHeight * 0.5)));
  const usual = { cursor: { drag: { x: true, y: false } }, legend: { markers: { show: false } } };
  drawn.push(new uPlot({ width: place.clientWidth, height, ...usual, ...options }, table, place));
}
