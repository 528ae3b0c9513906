// What the senders knew of the path over time: small charts, a mode beside the other on common axes, that share one cursor.
// charts.js calls drawPath; the data is what report/page/columns.py wrote: times are microseconds, sizes bytes, the pace bits a second.
"use strict";
const SMALL = 230;  // height of a chart, in CSS pixels
const TOGETHER = { drag: { x: true, y: false }, sync: { key: "path", scales: ["x", null] } };

/** Which rows tell of something that was sent again since the row before. */
const repeats = ({ retransmissions }) => retransmissions.map((_, i) => i).filter((i) => i && retransmissions[i] > retransmissions[i - 1]);

/** A cross on the window wherever something was sent again. */
function crossesOnWindow(u, known) {
  const { ctx, bbox } = u;
  const r = uPlot.pxRatio;
  ctx.save();
  ctx.strokeStyle = colour("--bad");
  ctx.lineWidth = 2 * r;
  ctx.beginPath();
  let last = -Infinity;
  for (const i of repeats(known)) {
    const x = u.valToPos(known.at[i], "x", true), y = u.valToPos(known.window[i] ?? 0, "y", true);
    if (x < bbox.left || x > bbox.left + bbox.width || x - last < 3 * r) continue;
    last = x;
    ctx.moveTo(x - 4 * r, y - 4 * r); ctx.lineTo(x + 4 * r, y + 4 * r);
    ctx.moveTo(x + 4 * r, y - 4 * r); ctx.lineTo(x - 4 * r, y + 4 * r);
  }
  ctx.stroke();
  ctx.restore();
}

/** A row of charts, one for each run. `lines` gives a run's series as [values, series]; `tall` the largest value of a run. */
function row(id, shown, end, label, size, lines, tall, hooks = () => ({})) {
  const most = Math.max(1, ...shown.map(tall));
  at(id).replaceChildren(...shown.map((run) => {
    const panel = document.createElement("div");
    panel.append(legendOf(run.mode), document.createElement("div"));
    return panel;
  }));
  shown.forEach((run, place) => {
    const drawnLines = lines(run);
    chart(at(id).children[place].lastElementChild, [run.known.at, ...drawnLines.map(([values]) => values)], {
      height: SMALL,
      cursor: TOGETHER,
      scales: { x: { time: false, range: [0, end] }, y: { range: [0, most * 1.06] } },
      axes: [axis(...timeAxis(end, words.time_axis)), axis(label, size, 80)],
      series: [
        { label: words.time_legend, value: (u, value) => milliseconds(value) },
        ...drawnLines.map(([, series]) => ({ points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }), ...series })),
      ],
      hooks: hooks(run),
    }, words.never_measured);
  });
}

const bytes = (u, value) => value === null || value === undefined ? "–" : `${written(value)} B`;
const megabits = (u, value) => value === null || value === undefined ? "–" : `${precise(value / 1e6, 3)} Mbit/s`;

function drawPath(shown) {
  const knowing = shown.filter((run) => run.known);
  at("path").hidden = !knowing.length;
  if (!knowing.length) return;
  const end = largest(knowing.map((run) => run.known.at));
  const line = (run, label, value) => ({ label, value, stroke: colourOf(run.mode), width: 2.2 });
  row("path-window", knowing, end, words.bytes_axis, written, (run) => [
    [run.known.in_flight, { label: words.in_flight, value: bytes, stroke: colourOf(run.mode), fill: `${colourOf(run.mode)}40`, width: 0.8 }],
    [run.known.window, line(run, words.window, bytes)],
    [run.known.retransmissions, { label: words.sent_again, value: (u, value) => value ?? "–", paths: () => null }],
  ], (run) => largest([run.known.window, run.known.in_flight]), (run) => ({ draw: [(u) => crossesOnWindow(u, run.known)] }));
  row("path-pace", knowing, end, "Mbit/s", (value) => written(value / 1e6), (run) => [
    [run.known.pace, line(run, words.pace, megabits)],
  ], (run) => largest([run.known.pace]));
  const longest = largest(knowing.map((run) => run.known.srtt));
  row("path-round-trip", knowing, end, ...timeAxis(longest), (run) => [
    [run.known.srtt, line(run, words.smoothed_round_trip, (u, value) => milliseconds(value))],
  ], (run) => largest([run.known.srtt]));
}
