"use strict";
// Draws the charts of a report from the specifications and columns in the page; nothing is asked of any host.
(function () {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const views = [];
  const rows = function (columns) {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  };
  const shown = () =>
    Array.from(document.querySelectorAll("#worlds input:checked"), (box) => Number(box.value));
  const apply = function (view) {
    if (document.getElementById("worlds")) view.signal("show", shown()).runAsync();
  };
  charts.forEach(function (chart) {
    const spec = Object.assign({}, chart.spec, {
      datasets: Object.fromEntries(Object.entries(chart.data).map(([name, columns]) => [name, rows(columns)])),
    });
    const actions = { export: true, source: false, compiled: false, editor: false };
    const place = document.getElementById(chart.name);
    vegaEmbed(place, spec, { renderer: "svg", actions: actions, downloadFileName: chart.name }).then(
      function (result) {
        if (chart.switched) {
          views.push(result.view);
          apply(result.view);
        }
        place.dataset.drawn = "yes";
      },
      function (error) {
        place.textContent = "This chart could not be drawn: " + error.message;
        console.error(error);
      },
    );
  });
  document.querySelectorAll("#worlds input").forEach((box) =>
    box.addEventListener("change", () => views.forEach(apply)),
  );
})();
