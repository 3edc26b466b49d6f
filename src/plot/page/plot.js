"use strict";
// Fills the page that `rhai-udf replay --plot FILE.html` writes: a chart a row, all with one time axis.
(() => {
  const picture = JSON.parse(document.getElementById("picture").textContent);
  const panels = document.getElementById("panels");
  const all = [picture.from, picture.to];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const charts = new Map();
  let range = all;

  const element = (name, text, parent, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    if (parent) parent.append(made);
    return made;
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const time = (ms) => new Date(ms).toISOString().replace("T", " ").replace(/\.000Z$/, "").replace("Z", "");
  const short = (value) => {
    if (value === null || value === undefined) return "";
    const size = Math.abs(value);
    return size !== 0 && (size < 1e-4 || size >= 1e9) ? value.toExponential(4).replace(/\.?0+e/, "e") : String(+value.toPrecision(7));
  };
  const level = (name) => ({ INFO: "info", WARNING: "warning", CRITICAL: "critical" })[name];

  // Powers of ten on an axis of ratios, four at most.
  const decades = (low, high) => {
    const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
    const by = Math.max(Math.ceil((last - first + 1) / 4), 1);
    const found = [];
    for (let power = last; power >= first; power -= by) found.unshift(10 ** power);
    return found;
  };

  // A rectangle of the chart over all of its height, three pixels wide at least.
  const band = (u, name, from, to, thick, atBottom) => {
    const { left, top, width, height } = u.bbox;
    const x0 = Math.max(u.valToPos(from, "x", true), left);
    const x1 = Math.min(Math.max(u.valToPos(to, "x", true), x0 + 3 * devicePixelRatio), left + width);
    if (x1 <= left || x0 >= left + width) return;
    const context = u.ctx;
    context.save();
    context.fillStyle = colour(name);
    context.globalAlpha = 0.2;
    context.fillRect(x0, top, x1 - x0, height);
    context.globalAlpha = 1;
    thick *= devicePixelRatio;
    context.fillRect(x0, atBottom ? top + height - thick : top, x1 - x0, thick);
    context.restore();
  };

  const behind = (row) => (u) => {
    for (const label of picture.labels) band(u, "label", label.from, label.to, 6, true);
    for (const one of row.bands) {
      band(u, level(one.level), one.from, one.to, { INFO: 3, WARNING: 5, CRITICAL: 7 }[one.level], false);
    }
  };

  const above = (row) => (u) => {
    const { left, top, width, height } = u.bbox;
    const context = u.ctx;
    context.save();
    context.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    context.textAlign = "right";
    for (const threshold of row.thresholds) {
      const y = u.valToPos(threshold.value, "y", true);
      const seen = y >= top && y <= top + height;
      const arrow = seen ? "" : y < top ? " ↑" : " ↓";
      if (seen) {
        context.fillStyle = colour(level(threshold.level));
        context.fillRect(left, y - devicePixelRatio / 2, width, devicePixelRatio);
      }
      const high = Math.min(Math.max(y - 4 * devicePixelRatio, top + 18 * devicePixelRatio), top + height - 4);
      context.fillStyle = colour("faint");
      context.fillText(`${level(threshold.level)} ${short(threshold.value)}${arrow}`, left + width - 4, high);
    }
    context.restore();
  };

  const show = (from, to) => {
    const least = Math.max((all[1] - all[0]) / 1e7, 1e-3);
    if (to - from < least) return;
    range = [from, to];
    for (const chart of charts.values()) chart.setScale("x", { min: from, max: to });
    const whole = from <= all[0] && to >= all[1];
    document.getElementById("range").textContent = whole ? "" : `${time(from)} to ${time(to)}`;
  };
  const zoom = (factor, middle) => {
    const [from, to] = range;
    const at = middle ?? (from + to) / 2;
    let [low, high] = [at - (at - from) * factor, at + (to - at) * factor];
    if (high - low >= all[1] - all[0]) [low, high] = all;
    show(low, high);
  };
  const move = (by) => {
    const [from, to] = range;
    show(from + by, to + by);
  };

  const options = (row, isLast, width, value) => ({
    width,
    height: isLast ? 140 : 110,
    ms: 1,
    padding: [8, 16, 0, 0],
    tzDate: (ms) => uPlot.tzDate(new Date(ms), "UTC"),
    legend: { show: false },
    cursor: {
      sync: { key: "time", setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      bind: {
        mousedown: (u, target, handler) => (event) => {
          if (!event.shiftKey) return handler(event);
          const start = event.clientX;
          const [from, to] = range;
          const each = (to - from) / (u.bbox.width / devicePixelRatio);
          const drag = (moved) => show(from + (start - moved.clientX) * each, to + (start - moved.clientX) * each);
          const end = () => {
            document.removeEventListener("mousemove", drag);
            document.removeEventListener("mouseup", end);
          };
          document.addEventListener("mousemove", drag);
          document.addEventListener("mouseup", end);
          return null;
        },
        dblclick: () => () => { show(...all); return null; },
      },
    },
    scales: {
      x: { time: true, auto: false, min: range[0], max: range[1] },
      y: {
        distr: row.log ? 3 : 1,
        range: (u, low, high) => {
          const whole = range[0] <= all[0] && range[1] >= all[1];
          if (row.log || whole || low === null) return [row.low, row.high];
          return low === high ? [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1] : uPlot.rangeNum(low, high, 0.1, false);
        },
      },
    },
    axes: [
      { show: true, size: isLast ? 42 : 0, stroke: colour("faint"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: isLast, stroke: colour("frame") } , values: isLast ? undefined : (u, splits) => splits.map(() => "") },
      { ...(row.log && { splits: () => decades(row.low, row.high), filter: (u, splits) => splits }), size: 70, stroke: colour("faint"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("frame") }, space: 22, values: (u, splits) => splits.map((v) => (v === null ? "" : short(v))) },
    ],
    series: [{}, {
      stroke: colour(row.output ? "output" : "input"),
      width: 1.25,
      spanGaps: false,
      points: { show: row.times.length < 80 ? true : undefined, size: 5, fill: colour(row.output ? "output" : "input") },
    }],
    hooks: {
      drawClear: [behind(row)],
      draw: [above(row)],
      setSelect: [(u) => {
        if (u.select.width < 3) return;
        const from = u.posToVal(u.select.left, "x");
        const to = u.posToVal(u.select.left + u.select.width, "x");
        for (const chart of charts.values()) chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        show(from, to);
      }],
      setCursor: [(u) => {
        const at = u.cursor.idx;
        const known = at !== null && at !== undefined && row.values[at] !== null;
        value.textContent = known ? `${time(row.times[at])}   ${short(row.values[at])}` : "";
      }],
    },
  });

  const draw = (place) => {
    const { row, isLast, value } = place;
    charts.get(place)?.destroy();
    const chart = new uPlot(options(row, isLast, place.box.clientWidth, value), [row.times, row.values], place.box);
    chart.over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 0.8 : 1.25, chart.posToVal(event.offsetX, "x"));
    }, { passive: false });
    charts.set(place, chart);
  };

  const places = [];
  for (const panel of picture.panels) {
    const section = element("section", undefined, panels);
    element("h2", panel.title, section);
    panel.rows.forEach((row, i) => {
      const title = element("h3", undefined, section);
      element("span", row.title + (row.log ? ", logarithmic" : ""), title, "name");
      const value = element("span", "", title, "value");
      const isLast = i === panel.rows.length - 1;
      const box = element("div", undefined, section, isLast ? "row last" : "row");
      box.setAttribute("role", "img");
      box.setAttribute("aria-label", row.summary);
      places.push({ row, isLast, value, box });
    });
  }
  // Charts are made when they come into sight: there may be hundreds.
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(places.find((place) => place.box === entry.target));
    }
  }, { rootMargin: "400px" });
  places.forEach((place) => seen.observe(place.box));

  const legend = document.getElementById("legend");
  for (const [name, text, thick] of picture.legend) {
    const entry = element("span", undefined, legend);
    const mark = element("i", undefined, entry);
    mark.style.height = `${thick}px`;
    mark.style.background = `var(--${name})`;
    entry.append(text);
  }
  for (const note of picture.notes) element("p", note, document.getElementById("notes"));
  document.getElementById("all").addEventListener("click", () => show(...all));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (range[1] - range[0]) / 5;
    const actions = { "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.7), 0: () => show(...all),
      ArrowLeft: () => move(-step), ArrowRight: () => move(step) };
    const action = actions[event.key];
    if (action) { event.preventDefault(); action(); }
  });
  let waiting = 0;
  window.addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => {
      for (const [place, chart] of charts) chart.setSize({ width: place.box.clientWidth, height: chart.height });
    });
  });
  dark.addEventListener("change", () => [...charts.keys()].forEach(draw));
  window.rhaiUdfPlot = { show, charts, places };
})();
