// Charts: <div data-chart="id of a JSON script"> becomes an ECharts SVG in the colours of the theme, told to screen readers too.
const charts = new Map();
const number = (value) => (value === null ? null : Number(value));
const figures = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
// An endless name would push all others out of the legend; the table below has it whole.
const shortened = (name) => (name.length > 32 ? `${name.slice(0, 31)}…` : name);
// Below this width a legend of a few names takes two lines instead of pages.
const NARROW = 480;
const isNarrow = (element) => element.clientWidth < NARROW;
// Those that were drawn for a narrow place: a phone that is turned has another width.
const narrow = new WeakSet();
const MINUTES = "min";
const hours = (value) => (value < 60 ? `${figures.format(value)} min` : `${short.format(value / 60)} h`);
// Dashes, as the line itself has: a square would look like one more of the bars.
const DASHES = "path://M0 0h4v2H0zM6 0h4v2H6z";
// Little that came back would push the axis a whole step below zero: below this part of the highest it ends at itself.
const LITTLE = 0.02;
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

// Colours are written for both themes with light-dark(); an element's computed colour is the one in force.
function colours() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    const { color } = getComputedStyle(probe);
    const paint = document.createElement("canvas").getContext("2d");
    paint.fillStyle = color;
    return paint.fillStyle;
  };
  const names = ["text", "text-soft", "text-faint", "line", "ground-over", "line-strong", "accent"];
  const tones = ["positive", "caution", "negative", "info", "doubt", "neutral"];
  const found = Object.fromEntries(names.map((name) => [name, read(name)]));
  for (const tone of tones) found[tone] = read(`${tone}-solid`);
  found.series = [1, 2, 3, 4, 5, 6, 7, 8].map((index) => read(`series-${index}`));
  probe.remove();
  return found;
}

function seriesOf(data, colour) {
  const isLine = data.kind === "line" || data.kind === "area";
  return data.series.map((one, index) => {
    const paint = colour[one.tone] ?? colour.series[index % colour.series.length];
    const last = index === data.series.length - 1 || data.series[index + 1].line;
    return {
      name: one.name,
      type: isLine || one.line ? "line" : "bar",
      data: one.values.map(number),
      stack: !one.line && (data.kind === "stacked" || data.kind === "area") ? "all" : undefined,
      areaStyle: data.kind === "area" ? { opacity: 0.18 } : undefined,
      lineStyle: { width: 2, type: one.dashed ? "dashed" : "solid" },
      symbol: "circle",
      symbolSize: 5,
      showSymbol: data.labels.length < 3 || one.values.includes(null),
      barMaxWidth: 28,
      barCategoryGap: "30%",
      itemStyle: { color: paint, borderRadius: data.kind === "stacked" && !last ? 0 : data.kind === "hbar" ? [0, 3, 3, 0] : [3, 3, 0, 0] },
      emphasis: { focus: data.series.length > 1 ? "series" : "none" },
    };
  });
}

function pie(data, colour) {
  const [one] = data.series;
  return [
    {
      type: "pie",
      name: one.name,
      radius: ["58%", "84%"],
      center: ["50%", "50%"],
      label: { color: colour["text-soft"], fontSize: 12 },
      labelLine: { lineStyle: { color: colour["line-strong"] } },
      itemStyle: { borderColor: colour["ground-over"], borderWidth: 2 },
      data: data.labels.map((name, index) => ({ name, value: number(one.values[index]), itemStyle: { color: colour.series[index % 8] } })),
    },
  ];
}

function axes(data, colour) {
  const words = { color: colour["text-faint"], fontSize: 11, hideOverlap: true };
  const labels = {
    type: "category",
    data: data.labels,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: colour["line-strong"] } },
    axisLabel: data.kind === "hbar" ? { ...words, width: 130, overflow: "truncate" } : words,
    inverse: data.kind === "hbar",
    boundaryGap: data.kind !== "line" && data.kind !== "area",
  };
  const values = {
    type: "value",
    min: ({ min, max }) => (min < 0 && -min < LITTLE * max ? min : undefined),
    splitNumber: 4,
    splitLine: { lineStyle: { color: colour.line } },
    axisLabel: { ...words, formatter: (value) => (data.unit === MINUTES ? hours(value) : short.format(value)) },
    name: data.unit === MINUTES ? undefined : data.unit,
    nameGap: 8,
    nameTextStyle: { ...words, align: "right" },
  };
  return data.kind === "hbar" ? { xAxis: values, yAxis: labels } : { xAxis: labels, yAxis: values };
}

function optionsOf(data, title, colour, isSmall) {
  const isPie = data.kind === "donut";
  const unit = data.unit ? ` ${data.unit}` : "";
  const many = data.series.length > 1;
  const wraps = isSmall && data.series.length > 2 && data.series.length < 5;
  return {
    animationDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 250,
    textStyle: { fontFamily: "Inter, system-ui, sans-serif" },
    color: colour.series,
    aria: { enabled: true, label: { description: `${title}. The same figures stand in the table below.` } },
    grid: { left: 4, right: 12, top: unit && data.unit !== MINUTES && data.kind !== "hbar" ? 26 : 12, bottom: wraps ? 56 : many ? 32 : 4, containLabel: true },
    legend: many
      ? { data: data.series.map(({ name, line }) => (line ? { name, icon: DASHES } : { name })), type: wraps ? "plain" : "scroll", bottom: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, itemGap: 14, formatter: shortened, textStyle: { color: colour["text-soft"], fontSize: 12 } }
      : undefined,
    tooltip: {
      trigger: isPie ? "item" : "axis",
      renderMode: "richText",
      confine: true,
      backgroundColor: colour["ground-over"],
      borderColor: colour["line-strong"],
      textStyle: { color: colour.text, fontSize: 12 },
      axisPointer: { type: data.kind === "line" || data.kind === "area" ? "line" : "shadow", lineStyle: { color: colour["line-strong"] } },
      valueFormatter: (value) => (value === null || value === undefined ? "–" : data.unit === MINUTES ? hours(value) : figures.format(value) + unit),
    },
    ...(isPie ? {} : axes(data, colour)),
    series: isPie ? pie(data, colour) : seriesOf(data, colour),
  };
}

function draw(element) {
  const source = document.getElementById(element.dataset.chart);
  if (!source || !window.echarts) return;
  const data = JSON.parse(source.textContent);
  let chart = charts.get(element);
  if (!chart) {
    chart = window.echarts.init(element, null, { renderer: "svg" });
    charts.set(element, chart);
    new ResizeObserver(() => {
      chart.resize();
      if (isNarrow(element) !== narrow.has(element)) draw(element);
    }).observe(element);
  }
  narrow[isNarrow(element) ? "add" : "delete"](element);
  chart.setOption(optionsOf(data, element.dataset.title ?? "", colours(), isNarrow(element)), { notMerge: true });
}

function drawAll() {
  for (const [element, chart] of charts) {
    if (element.isConnected) continue;
    chart.dispose();
    charts.delete(element);
  }
  document.querySelectorAll("[data-chart]").forEach(draw);
}

drawAll();
document.addEventListener("conto:theme", drawAll);
document.addEventListener("htmx:afterSettle", drawAll);
