"use strict";
// Draws charts from their specifications and columns; nothing is asked of any host.
const drawn = new Map(); // name of a chart -> its view

const rowsOf = function (columns) {
  const names = Object.keys(columns);
  return columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
};

const switchWorlds = function () {
  const boxes = document.querySelectorAll("#worlds input");
  const shown = Array.from(boxes).filter((box) => box.checked).map((box) => Number(box.value));
  drawn.forEach((chart) => {
    if (chart.switched && boxes.length) chart.view.signal("show", shown).runAsync();
  });
};

// What somebody chose in a chart stays chosen when it is drawn anew with other numbers.
const CHOSEN = ["day", "world"];

const drawChart = async function (chart) {
  const place = document.getElementById(chart.name);
  const before = drawn.get(chart.name);
  const data = Object.entries(chart.data).map(([name, columns]) => [name, rowsOf(columns)]);
  const spec = Object.assign({}, chart.spec, { datasets: Object.fromEntries(data) });
  const actions = { export: true, source: false, compiled: false, editor: false };
  try {
    const made = await vegaEmbed(place, spec, { renderer: "svg", actions: actions, downloadFileName: chart.name });
    if (before) {
      CHOSEN.forEach((name) => {
        if (name in (before.view.getState().signals || {})) made.view.signal(name, before.view.signal(name));
      });
      before.view.finalize();
      await made.view.runAsync();
    }
    drawn.set(chart.name, { view: made.view, switched: chart.switched });
    place.dataset.drawn = String(Number(place.dataset.drawn || 0) + 1);
  } catch (error) {
    place.textContent = "This chart could not be drawn: " + error.message;
    console.error(error);
  }
};

const drawCharts = async function (charts) {
  for (const chart of charts) await drawChart(chart);
  switchWorlds();
};

document.addEventListener("change", (event) => {
  if (event.target.closest("#worlds")) switchWorlds();
});

const inPage = document.getElementById("charts");
if (inPage) drawCharts(JSON.parse(inPage.textContent));
