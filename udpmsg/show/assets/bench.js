// A benchmark's charts, drawn with drawing.js. Reads the data that bench/page.py wrote; rates are messages a second.
"use strict";

const short = (value) => value >= 1e6 ? `${written(value / 1e6)} M` : value >= 1e4 ? `${written(value / 1e3)} k` : written(value);
const LOGARITHMIC = { distr: 3 };
/** The next power of ten below and above, so that few points do not fill the chart from edge to edge. */
const decades = (u, low, high) => [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.001))];
const around = (u, low, high) => [low / 1.4, high * 1.4];

/** One figure of every mode, by size. */
function bySize(id, key, label, write) {
  const table = [data.sizes, ...data.modes.map((mode) => data[key][mode])];
  chart(id, data.sizes.length ? table : [[]], {
    scales: { x: { time: false, ...LOGARITHMIC, range: around }, y: { ...LOGARITHMIC, range: decades } },
    axes: [
      axis(words.bytes_axis, written, 34, { splits: () => data.sizes, filter: (u, splits) => splits }),
      axis(label, short, 80, { splits: (u, i, low, high) => ROUND.filter((v) => v >= low && v <= high), filter: (u, splits) => splits }),
    ],
    series: [
      { label: words.bytes_legend, value: (u, value) => value ?? "–" },
      ...data.modes.map((mode) => seriesOf({ mode }, (u, value) => value == null ? "–" : write(value), {
        points: { show: true, paths: pointsOf(mode), fill: colourOf(mode) },
      })),
    ],
  });
}

/** A dashed line at the throughput. */
const throughputLine = (rate) => (u) => {
  if (rate === null) return;
  const { ctx, bbox } = u;
  const x = Math.round(u.valToPos(rate, "x", true)), r = uPlot.pxRatio;
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--text");
  ctx.setLineDash([6 * r, 5 * r]);
  ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
  ctx.font = font(13 * r);
  const right = x > bbox.left + bbox.width / 2;
  ctx.textAlign = right ? "right" : "left"; ctx.textBaseline = "top";
  ctx.fillText(words.throughput, x + (right ? -5 : 5) * r, bbox.top + 4 * r);
  ctx.restore();
};

/** Loss by offered rate, one point per trial. */
function lossCurve({ id, rates, loss, throughput }) {
  chart(id, [rates, loss], {
    scales: { x: { time: false, range: (u, low, high) => [0, high * 1.06] }, y: { range: (u, low, high) => [0, Math.max(high, 1) * 1.1] } },
    axes: [axis(words.rate_axis, short), axis(words.loss_axis, written, 60)],
    series: [
      { label: words.rate_legend, value: (u, value) => value == null ? "–" : written(Math.round(value)) },
      seriesOf({ mode: "udp" }, (u, value) => value == null ? "–" : `${fixed(value, value < 1 && value ? 3 : 1)} %`, {
        width: 2.5, points: { show: true, paths: pointsOf("udp"), fill: colourOf("udp") },
      }),
    ],
    hooks: { draw: [throughputLine(throughput)] },
  });
}

const bits = (value) => value >= 1e9 ? `${precise(value / 1e9, 3)} Gbit/s` : `${precise(value / 1e6, 3)} Mbit/s`;

function drawCharts() {
  while (drawn.length) drawn.pop().destroy();
  for (const place of document.querySelectorAll(".chart")) place.replaceChildren();
  bySize("throughput", "throughput", words.throughput_axis, (value) => written(Math.round(value)));
  bySize("goodput", "goodput_mbps", words.goodput_axis, (value) => bits(value * 1e6));
  data.curves.forEach(lossCurve);
  document.documentElement.dataset.drawn = String(Number(document.documentElement.dataset.drawn || 0) + 1);
}
