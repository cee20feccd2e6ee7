"use strict";
// What the server says of a simulation: how far it is, what went wrong, which charts to draw.
const part = (name) => document.getElementById(name);

Shiny.addCustomMessageHandler("state", function (state) {
  part("status").textContent = state.text;
  part("progress").hidden = !state.busy;
  part("progress").max = state.all || 1;
  if (state.busy && !state.done) part("progress").removeAttribute("value");
  else part("progress").value = state.done || 0;
  part("error").textContent = state.error || "";
  part("error").hidden = !state.error;
  part("simulate").disabled = state.busy;
  part("cancel").disabled = !state.busy;
});

Shiny.addCustomMessageHandler("charts", function (charts) {
  // The answer is put into the page by another message, which may come later.
  const draw = (left) => {
    if (charts.every((chart) => part(chart.name))) drawCharts(charts);
    else if (left) setTimeout(() => draw(left - 1), 50);
  };
  draw(200);
});
