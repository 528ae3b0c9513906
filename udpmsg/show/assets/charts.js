// A comparison's charts, drawn with drawing.js; path.js has those of what the senders knew, page.js the ledger and the controls.
// Reads the data that report/page/columns.py wrote. Times are microseconds until they are shown.
const MOST_STEPS = 3000;  // of a curve that sums up: more than a screen has columns
const LANE = 15;  // height of a row of crosses, in CSS pixels
const ABOVE = 8;  // between the lowest of them and the chart: the axis' highest number reaches so far

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
  for (const [i, times] of run.duplicates) note(i, times === 1 ? words.twice : filled(words.times, times + 1));
  for (const [from, to] of run.reordered) for (let i = from; i <= to; i++) note(i, words.reordered);
  for (const [from, to] of run.late) for (let i = from; i <= to; i++) note(i, words.late);
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

/** An axis' unit and its numbers: seconds where milliseconds would be long. */
const timeAxis = (longest, label = "{}") => longest < 1e7
  ? [filled(label, "ms"), (value) => written(value / 1000)]
  : [filled(label, "s"), (value) => written(value / 1e6)];
const largest = (columns) => columns.reduce((most, values) => values.reduce((a, b) => Math.max(a, b), most), 0);
const milliseconds = (value) => value === null || value === undefined ? "–" : `${fixed(value / 1000, value < 1e5 ? 1 : 0)} ms`;

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

/** Crosses above the chart for what never came, one row per mode; strokes where they are many. */
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
    const y = bbox.top - ((missing.length - lane - 0.5) * LANE + ABOVE) * r;
    ctx.strokeStyle = ctx.fillStyle = colourOf(run.mode);
    ctx.fillText(data.outcomes[run.outcome[run.missing[0]]], bbox.left - 6 * r, y);
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
  ctx.fillText(words.late, bbox.left + bbox.width - 4 * r, y - 2 * r);
  ctx.restore();
}

/** The longest delay, or that from which a message is late, where it is not far above. */
const withLate = (longest) => longest > data.late / 2 ? Math.max(longest, data.late) : longest;

/** A little room beside the first and the last point. */
const beside = (u, low, high) => [low - (high - low) * 0.008 - 0.1, high + (high - low) * 0.008 + 0.1];

function drawCharts() {
  while (drawn.length) drawn.pop().destroy();
  for (const id of ["delay", "progress", "share"]) at(id).replaceChildren();
  const shown = runs();
  const longest = shown.reduce((a, b) => (b.count > a.count ? b : a), { count: 0, sequence: [], due: [] });
  const roundTrip = shown.some((run) => run.round_trip);
  at("delay-title").textContent = roundTrip ? words.round_trip_of_each : words.delay_of_each;
  at("delay-words").textContent = roundTrip ? words.round_trip_words : words.delay_words;
  at("share-words").textContent = roundTrip ? words.round_trip_share : words.delay_share;

  const lanes = shown.filter((run) => run.missing.length).length;
  chart("delay", [longest.sequence, ...shown.map((run) => run.shown)], {
    padding: [lanes * LANE + 8 + (lanes && ABOVE), 24, 0, 0],
    scales: { x: { time: false, range: beside }, y: { range: (u, low, high) => [0, withLate(high || 1) * 1.06] } },
    axes: [axis(words.message, written, 34, WHOLE), axis(...timeAxis(largest(shown.map((run) => run.shown))), 66)],
    series: [{ label: words.message_legend, value: (u, value) => value ?? "–" }, ...shown.map((run) => seriesOf(run,
      (u, value, series, i) => i === null ? "–" : value === null || value === undefined ? data.outcomes[run.outcome[i]] || "–" : milliseconds(value),
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
    axes: [axis(...timeAxis(moments[moments.length - 1], words.time_axis)), axis(words.messages, written, 80, WHOLE)],
    series: [
      { label: words.time_legend, value: (u, value) => milliseconds(value) },
      { label: words.due_legend, stroke: colour("--quiet"), alpha: 0.35, width: 8, value: (u, value) => value ?? "–", ...stepped },
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
    axes: [axis(...timeAxis(most, roundTrip ? words.round_trip_axis : words.delay_axis), 34, logarithmic ? DECADES : {}), axis("%", written, 60)],
    series: [{ label: words.within_legend, value: (u, value) => milliseconds(value) }, ...shown.map((run) => seriesOf(run,
      (u, value) => value === null || value === undefined ? "–" : `${fixed(value, 1)} %`,
      stepped))],
  });
  drawPath(shown);
  document.documentElement.dataset.drawn = String(Number(document.documentElement.dataset.drawn || 0) + 1);
}
