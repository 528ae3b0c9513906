// The button that copies the command, and when charts are drawn anew; every page's last script, after drawCharts is there.
"use strict";
at("copy")?.addEventListener("click", () => {
  getSelection().selectAllChildren(at("command"));  // whoever may not write to the clipboard has it selected
  const said = navigator.clipboard ? navigator.clipboard.writeText(at("command").textContent) : Promise.reject();
  said.then(() => { at("copy").textContent = words.copied; }, () => { at("copy").textContent = words.selected; });
});

// Canvases know no style sheet: drawn anew whenever colours or widths change, and in light colours for paper.
let timer = 0;
const soon = () => { clearTimeout(timer); timer = setTimeout(drawCharts, 100); };
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
matchMedia("print").addEventListener("change", drawCharts);
let width = window.innerWidth;
addEventListener("resize", () => { if (window.innerWidth !== width) { width = window.innerWidth; soon(); } });
drawCharts();
