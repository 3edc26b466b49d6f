// The plot: a row a field over one axis of times, with bands of alerts, labels, thresholds and the version before.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { make, number } from "./dom.js";

const LEVELS = { CRITICAL: "--critical", WARNING: "--warning", INFO: "--info" };
const AXIS = 62;
const LEAST = 84;
const FOOT = 42;

/** A colour of the style sheet as a canvas takes it: of light-dark() the one that counts. */
const colours = new Map();
function css(name) {
  if (!colours.has(name)) {
    const probe = make("span", {});
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    colours.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(name);
}

/** Names times by how far they are apart: days, minutes, seconds or parts of them; a new day says its date. */
function timesOf(_plot, seconds, _axis, _space, apart) {
  let day = "";
  return seconds.map((each) => {
    const text = new Date(each * 1e3).toISOString();
    const date = text.slice(5, 10);
    const isNew = date !== day && (day !== "" || apart >= 86400);
    day = date;
    if (apart >= 86400) return date;
    const time = apart >= 60 ? text.slice(11, 16) : apart >= 1 ? text.slice(11, 19) : text.slice(11, 23);
    return isNew ? `${time}\n${date}` : time;
  });
}

/** Times are UTC everywhere, as in the alerts. */
const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC");

export class Plot {
  /** `on` has `zoom(from, to)` in seconds and `point(seconds)`. */
  constructor(parent, on) {
    this.parent = parent;
    this.on = on;
    this.charts = [];
    this.shape = "";
    this.picture = null;
    this.hidden = new Set();
    this.known = new Set();
    this.sync = uPlot.sync("lab");
    new ResizeObserver(() => this.resize()).observe(parent);
  }

  get pixels() {
    return Math.max(100, this.parent.clientWidth - AXIS - 20);
  }

  visible() {
    return (this.picture?.rows ?? []).filter((row) => !this.hidden.has(this.key(row)));
  }

  key(row) {
    return `${row.side}\n${row.series ?? ""}\n${row.field}`;
  }

  height(count) {
    return Math.max(LEAST, Math.floor((this.parent.clientHeight - FOOT - 2) / Math.max(1, count)));
  }

  /** Draws a picture; rows that are the same fields as before keep their charts. */
  draw(picture) {
    this.picture = picture;
    this.choose(picture.rows);
    for (const row of picture.rows) {
      // What is absent leaves a line as it is; what is null breaks it.
      row.values = row.values.map((line) => line.map((value) => (value === false ? undefined : value)));
    }
    this.redraw();
  }

  /** Of many fields, those that the task names are shown at first. */
  choose(rows) {
    const inputs = rows.filter((row) => row.side === "in");
    const named = inputs.some((row) => row.named);
    for (const row of inputs) {
      const key = this.key(row);
      if (this.known.has(key)) continue;
      this.known.add(key);
      if (named && !row.named && inputs.length > 4) this.hidden.add(key);
    }
  }

  redraw() {
    const { picture } = this;
    const rows = this.visible();
    const shape = JSON.stringify(rows.map((row) => [this.key(row), row.lines]));
    if (shape !== this.shape) this.build(rows, shape);
    const scale = { min: Number(picture.from) / 1e9, max: Number(picture.to) / 1e9 };
    rows.forEach((row, i) => {
      const chart = this.charts[i];
      chart.row = row;
      chart.plot.batch(() => {
        chart.plot.setData([row.times, ...row.values], false);
        chart.plot.setScale("x", scale);
        chart.plot.setScale("y", range(row, this.levelsOf(row)));
      });
      chart.element.setAttribute("aria-label", describe(row));
    });
  }

  levelsOf(row) {
    return row.side === "out" ? this.picture.thresholds.filter((each) => each.field === row.field && each.udf === row.series) : [];
  }

  build(rows, shape) {
    for (const { plot } of this.charts) plot.destroy();
    this.shape = shape;
    const height = this.height(rows.length);
    this.charts = [];
    this.parent.replaceChildren();
    rows.forEach((row, i) => {
      const last = i === rows.length - 1;
      const title = make("span", { class: `row-name ${row.side}` }, row.series ? `${row.field} · ${row.series}` : row.field);
      const element = make("div", { class: "row", role: "img" }, title);
      this.parent.append(element);
      const chart = { row, element };
      chart.plot = new uPlot(this.options(chart, last, height + (last ? FOOT : 0)), [row.times, ...row.values], element);
      this.charts.push(chart);
    });
    if (rows.length === 0) this.parent.append(make("p", { class: "quiet empty" }, "Nothing to draw yet."));
  }

  options(chart, last, height) {
    const { row } = chart;
    const style = (name) => {
      if (name === "before") return { stroke: css("--ghost"), width: 1, dash: [4, 3] };
      return { stroke: css(row.side === "in" ? "--measured" : "--made"), width: 1.25 };
    };
    const few = row.times.length < 400;
    return {
      width: this.parent.clientWidth,
      height,
      padding: [6, 20, 0, 0],
      legend: { show: false },
      tzDate: utc,
      cursor: {
        sync: { key: this.sync.key, scales: ["x", null] },
        drag: { x: true, y: false, setScale: false },
        points: { size: 5 },
        bind: {
          dblclick: () => () => this.on.zoom(null, null),
        },
      },
      scales: { x: { time: true, auto: false, range: (_u, min, max) => [min, max] }, y: { auto: false, range: (_u, min, max) => [min, max] } },
      series: [
        {},
        ...row.lines.map((name) => ({
          ...style(name),
          points: { show: row.side === "out" && few && name === "now", size: 4 },
        })),
      ],
      axes: [
        { show: last, stroke: css("--quiet"), grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid") }, size: last ? FOOT : 0, font: "11px system-ui", values: timesOf },
        { stroke: css("--quiet"), grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false }, size: AXIS, space: 26, font: "11px system-ui", values: (_u, ticks) => ticks.map(number) },
      ],
      hooks: {
        drawClear: [(plot) => this.bands(plot, chart)],
        draw: [(plot) => this.lines(plot, chart)],
        setSelect: [(plot) => this.selected(plot)],
        setCursor: [(plot) => this.pointed(plot, chart)],
        ready: [(plot) => plot.over.addEventListener("click", () => this.clicked(plot))],
      },
    };
  }

  /** Alerts fill the row and mark its upper edge; labels and the alerts before mark its lower edge. */
  bands(plot, { row }) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    const at = (seconds) => Math.max(bbox.left, Math.min(bbox.left + bbox.width, plot.valToPos(seconds, "x", true)));
    const fill = ([from, to], colour, alpha, top, height) => {
      const [left, right] = [at(from), at(to)];
      if (to < plot.scales.x.min || from > plot.scales.x.max) return;
      ctx.globalAlpha = alpha;
      ctx.fillStyle = css(colour);
      ctx.fillRect(left, top, Math.max(2 * ratio, right - left), height);
    };
    ctx.save();
    const { labels } = this.picture;
    const bands = this.picture.bands ?? [];
    for (const label of labels) {
      fill(label, "--label", 0.14, bbox.top, bbox.height);
      fill(label, "--label", 1, bbox.top + bbox.height - 4 * ratio, 4 * ratio);
    }
    for (const band of bands) {
      const colour = LEVELS[band[2]] ?? "--info";
      if (row.side === "out" || labels.length === 0) fill(band, colour, 0.16, bbox.top, bbox.height);
      fill(band, colour, 1, bbox.top, { CRITICAL: 5, WARNING: 4, INFO: 3 }[band[2]] * ratio);
    }
    for (const band of this.picture.bandsBefore ?? []) fill(band, "--ghost", 0.8, bbox.top + 7 * ratio, 2 * ratio);
    ctx.restore();
  }

  /** Thresholds. */
  lines(plot, { row }) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    ctx.save();
    for (const { level, value } of this.levelsOf(row)) {
      const y = plot.valToPos(value, "y", true);
      if (y < bbox.top || y > bbox.top + bbox.height) continue;
      ctx.strokeStyle = css(LEVELS[level]);
      ctx.lineWidth = ratio;
      ctx.setLineDash([6 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  selected(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    this.dragged = performance.now();
    const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    for (const each of this.charts) each.plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.on.zoom(from, to);
  }

  clicked(plot) {
    // The click that ends a drag is none.
    if (performance.now() - (this.dragged ?? -1e3) < 300 || plot.cursor.left < 0) return;
    this.on.point(this.nearest(plot, plot.posToVal(plot.cursor.left, "x")));
  }

  nearest(plot, seconds) {
    const times = plot.data[0];
    if (times.length === 0) return seconds;
    return times[plot.valToIdx(seconds)];
  }

  /** Says the values under the cursor beside the names of the rows. */
  pointed(plot, chart) {
    const title = chart.element.firstChild;
    const i = plot.cursor.idx;
    const { row } = chart;
    const name = row.series ? `${row.field} · ${row.series}` : row.field;
    if (i === null || i === undefined) {
      title.textContent = name;
      return;
    }
    const values = row.lines.map((line, k) => {
      const value = number(row.values[k][i]);
      return value === "" ? "" : line === "before" ? `(before ${value})` : value;
    });
    title.textContent = `${name}  ${values.join(" ")}`;
    if (chart === this.charts[0] || plot.cursor.event) this.on.cursor(row.times[i]);
  }

  /** Moves the cursor by so many points of the first row. */
  step(by) {
    const chart = this.charts.find((each) => each.row.times.length > 1);
    if (!chart) return null;
    const { plot } = chart;
    const { times } = chart.row;
    const [first, last] = [plot.valToIdx(plot.scales.x.min), plot.valToIdx(plot.scales.x.max)];
    const now = plot.cursor.left >= 0 ? plot.cursor.idx : by > 0 ? first - by : last - by;
    const i = Math.max(first, Math.min(last, now + by));
    plot.setCursor({ left: plot.valToPos(times[i], "x"), top: 10 }, true);
    return times[i];
  }

  /** The time under the cursor; `null` if it is not there. */
  get cursor() {
    const chart = this.charts[0];
    if (!chart || !(chart.plot.cursor.left >= 0)) return null;
    return this.nearest(chart.plot, chart.plot.posToVal(chart.plot.cursor.left, "x"));
  }

  resize() {
    if (!this.picture) return;
    const height = this.height(this.charts.length);
    this.charts.forEach(({ plot }, i) => {
      plot.setSize({ width: this.parent.clientWidth, height: height + (i === this.charts.length - 1 ? FOOT : 0) });
    });
    this.on.resize();
  }

  /** Draws all anew, after colours have changed. */
  repaint() {
    if (!this.picture) return;
    this.shape = "";
    colours.clear();
    this.redraw();
  }
}

/** The values that a row shows: all of what is drawn, and thresholds that are not far off. */
function range(row, thresholds) {
  let [low, high] = [Infinity, -Infinity];
  for (const line of row.values) {
    for (const value of line) {
      if (value === null || value === undefined) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return { min: 0, max: 1 };
  const size = high - low || Math.abs(high) || 1;
  for (const { value } of thresholds) {
    if (value > low - size && value < high + size) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  const margin = (high - low || Math.abs(high) || 1) * 0.06;
  return { min: low - margin, max: high + margin };
}

function describe(row) {
  const values = row.values[0]?.filter((value) => value !== null && value !== undefined) ?? [];
  const what = row.side === "in" ? "measured" : "made by the script";
  if (values.length === 0) return `${row.field}, ${what}: no values`;
  let [low, high] = [values[0], values[0]];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return `${row.field}, ${what}: from ${number(low)} to ${number(high)}`;
}
