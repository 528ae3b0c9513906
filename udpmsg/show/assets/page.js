// The ledger's rows and what is chosen to be seen. charts.js, before it, has the runs and the charts.
"use strict";
const ROWS_AT_ONCE = 200;

// ---- the ledger -------------------------------------------------------------------------------------------------------------

let listed = 0;  // rows on the page
let found = [];  // [run, index], in the order of the messages

const wrong = (run, i) => run.outcome[i] !== "delivered" || run.times[i] > 1 || run.notes[i] !== undefined;

function search() {
  const chosen = at("ledger-mode").value;
  const shown = runs().filter((run) => !chosen || run.mode === chosen);
  found = [];
  const most = Math.max(0, ...shown.map((run) => run.count));
  for (let i = 0; i < most; i++) {
    for (const run of shown) if (i < run.count && (!at("wrong").checked || wrong(run, i))) found.push([run, i]);
  }
  listed = 0;
  at("ledger-rows").replaceChildren();
  list();
}

function list() {
  const rows = document.createDocumentFragment();
  const time = (value) => value === null ? "–" : fixed(value / 1000, 1);
  for (const [run, i] of found.slice(listed, listed + ROWS_AT_ONCE)) {
    const [sent, delay] = [run.sent[i], run.delay[i]];
    const row = document.createElement("tr");
    row.className = `m-${run.mode.replace("+", "-")} ${run.outcome[i]}`;
    const cells = [
      run.sequence[i], data.names[run.mode], time(run.due[i]), time(sent === null ? null : run.due[i] + sent), run.times[i] ?? "–",
      time(delay === null ? null : run.due[i] + delay), time(delay),
      [data.outcomes[run.outcome[i]], run.notes[i]].filter(Boolean).join(", "), run.cause[i] || "",
    ];
    cells.forEach((text, number) => {
      const cell = document.createElement(number ? "td" : "th");
      if (!number) cell.scope = "row";
      cell.textContent = text;
      row.append(cell);
    });
    rows.append(row);
  }
  at("ledger-rows").append(rows);
  listed = Math.min(found.length, listed + ROWS_AT_ONCE);
  at("ledger-count").textContent = filled(words.rows, written(listed), written(found.length));
  at("more").hidden = listed >= found.length;
}

// ---- controls ---------------------------------------------------------------------------------------------------------------

for (const [mode, name] of Object.entries(data.names)) at("ledger-mode").add(new Option(name, mode));
for (const id of ["wrong", "ledger-mode"]) at(id).addEventListener("change", search);
at("more").addEventListener("click", list);
at("ledger").addEventListener("toggle", () => { if (at("ledger").open && !found.length) search(); });
at("repetition")?.addEventListener("change", (event) => {
  repetition = Number(event.target.value);
  drawCharts();
  if (at("ledger").open) search(); else found = [];
});

const excerpts = [...document.querySelectorAll("figure.ladder")];
const show = (chosen) => {
  excerpts.forEach((figure, i) => figure.classList.toggle("not-chosen", i !== chosen));
  [...at("excerpts").children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
};
if (excerpts.length > 1) {
  excerpts.forEach((figure, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = figure.dataset.title;
    button.addEventListener("click", () => show(i));
    at("excerpts").append(button);
  });
  at("excerpts").hidden = false;
  show(excerpts.findIndex((figure) => "opens" in figure.dataset));
}
