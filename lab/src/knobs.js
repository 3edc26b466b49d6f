// Options and conditions as fields and sliders.
import { make, number } from "./dom.js";

const UNITS = { ns: 1, u: 1e3, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86400e9, w: 604800e9 };
const STEPS = 200;

/** Nanoseconds of a duration such as 1h30m; NaN for other texts. */
export function duration(text) {
  let total = 0;
  const rest = text.trim().replace(/(\d+(?:\.\d+)?)(ns|us|µs|ms|u|s|m|h|d|w)/g, (_all, count, unit) => {
    total += Number(count) * UNITS[unit];
    return "";
  });
  return rest === "" && text.trim() !== "" ? total : NaN;
}

/** A duration with one or two units. */
export function durationText(ns) {
  const units = [["w", 604800e9], ["d", 86400e9], ["h", 3600e9], ["m", 60e9], ["s", 1e9], ["ms", 1e6]];
  const parts = [];
  let rest = Math.round(ns / 1e6) * 1e6;
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    if (count > 0 && parts.length < 2) {
      parts.push(`${count}${unit}`);
      rest -= count * size;
    } else if (parts.length > 0) break;
  }
  return parts.join("") || "1ms";
}

/** How a slider goes from one number to another: by factors where the range is wide. */
function scale(low, high, whole) {
  const wide = low > 0 && high / low > 50;
  const round = (value) => {
    if (whole) return Math.round(value);
    const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
    return Number(value.toFixed(Math.min(12, digits)));
  };
  return {
    value: (step) => {
      const part = step / STEPS;
      if (step <= 0) return low;
      if (step >= STEPS) return high;
      return round(wide ? low * (high / low) ** part : low + (high - low) * part);
    },
    step: (value) => {
      const part = wide ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
      return Math.max(0, Math.min(STEPS, Math.round(part * STEPS)));
    },
  };
}

/** The range of a slider: what the script allows, else around the value. */
function around(value, min, max) {
  const size = Math.abs(value) || 1;
  let low = min ?? (value < 0 ? -4 * size : 0);
  let high = max ?? Math.max(value < 0 ? 4 * size : 4 * size, low + 1e-9);
  // A range far beyond the value would leave nothing to turn.
  if (high > 1000 * size && value > 0) high = 100 * size;
  if (value > high) high = value;
  if (value < low) low = value;
  if (min === 0 && value > 0 && value < 0.05 && high <= 1) low = value / 1000;
  return [low, high];
}

/** The range of a threshold: small ones are mostly probabilities, those below one scores. */
function thresholds(value) {
  if (value > 0 && value < 0.5) return [value / 1e4, Math.min(1, value * 1e3)];
  if (value >= 0.5 && value <= 1) return [0, 1];
  return around(value, value < 0 ? 4 * value : 0, null);
}

export class Knobs {
  /** `on` is called with the settings and whether a slider is being dragged. */
  constructor(form, on) {
    this.form = form;
    this.on = on;
    this.options = {};
    this.conditions = {};
    this.shape = "";
    this.fields = [];
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  get settings() {
    return { options: this.options, conditions: this.conditions };
  }

  /** Shows what can be turned; `conditions` are those at the start, `null` for a TICKscript. */
  show(knobs, settings, conditions) {
    this.start = conditions;
    const shape = JSON.stringify([knobs.map(({ values, ...rest }) => rest), conditions !== null]);
    this.options = { ...settings.options };
    this.conditions = { ...settings.conditions };
    if (shape === this.shape) return;
    this.shape = shape;
    const parts = [];
    let of = null;
    for (const knob of knobs) {
      if (knob.of !== of && knob.of) parts.push(make("span", { class: "knob-of" }, knob.of));
      of = knob.of;
      parts.push(this.knob(knob));
    }
    if (conditions !== null) {
      for (const level of ["crit", "warn", "info"]) parts.push(this.condition(level));
    }
    this.form.replaceChildren(...parts);
  }

  turn(dragging) {
    this.on(this.settings, dragging);
  }

  knob(knob) {
    const id = `knob-${knob.key.replace(/\W/g, "-")}`;
    const now = knob.values.length > 0 ? knob.values.join("; ") : (knob.default ?? "");
    const set = (text, dragging) => {
      const texts = knob.repeated ? text.split(";").map((each) => each.trim()).filter(Boolean) : [text];
      if (text === knob.default || texts.length === 0) delete this.options[knob.key];
      else this.options[knob.key] = texts;
      // What the command line gave is overwritten by an empty list, which means the default.
      if (text === knob.default && knob.values.length > 0) this.options[knob.key] = [];
      this.turn(dragging);
    };
    const hint = [knob.about, knob.types, knob.default === null ? "required" : `default ${knob.default}`].filter(Boolean).join(" · ");
    const label = make("label", { for: id, title: hint }, knob.name);
    if (knob.one_of.length > 0 || knob.types === "bool") {
      const allowed = knob.one_of.length > 0 ? knob.one_of : ["true", "false"];
      const select = make("select", { id, change: () => set(select.value, false) }, ...allowed.map((each) => make("option", { value: each }, each)));
      select.value = allowed.find((each) => each.toLowerCase() === now.toLowerCase()) ?? now;
      return make("div", { class: "knob" }, label, select);
    }
    const field = make("input", { id, type: "text", autocomplete: "off", spellcheck: "false", list: knob.types === "string" ? "fields" : null, change: () => set(field.value, false) });
    field.value = now;
    const [read, write] = knob.types === "duration" ? [duration, durationText] : [Number, String];
    const value = read(now);
    const numeric = ["int", "double", "duration"].includes(knob.types) && !knob.repeated && now !== "" && !Number.isNaN(value);
    const slider = numeric ? this.slider(knob.name, field, around(value, knob.min, knob.max), knob.types === "int", read, write, set) : null;
    return make("div", { class: "knob" }, label, field, slider);
  }

  /** A slider beside a field: dragging replays, letting go settles. */
  slider(name, field, [low, high], whole, read, write, set) {
    const { value, step } = scale(low, high, whole);
    const slider = make("input", {
      type: "range", min: 0, max: STEPS, "aria-label": `${name}, slider`,
      input: () => {
        field.value = write(value(Number(slider.value)));
        slider.setAttribute("aria-valuetext", field.value);
        set(field.value, true);
      },
      change: () => set(field.value, false),
    });
    slider.value = step(read(field.value));
    slider.setAttribute("aria-valuetext", field.value);
    field.addEventListener("change", () => {
      const next = read(field.value);
      if (!Number.isNaN(next)) slider.value = step(next);
    });
    return slider;
  }

  /** A condition, with a slider for the first number in it. */
  condition(level) {
    const id = `condition-${level}`;
    const now = this.conditions[level] ?? this.start[level] ?? "";
    const words = { crit: "critical if", warn: "warning if", info: "info if" };
    const holder = make("div", { class: "knob condition" });
    const set = (dragging) => {
      if (field.value === (this.start[level] ?? "")) delete this.conditions[level];
      else this.conditions[level] = field.value;
      this.turn(dragging);
    };
    const field = make("input", { id, type: "text", autocomplete: "off", spellcheck: "false", placeholder: "none", change: () => (rebuild(), set(false)) });
    field.value = now;
    const pattern = /(?<![\w.])-?\d+(\.\d+)?(e[+-]?\d+)?/i;
    let slider = null;
    const rebuild = () => {
      const found = pattern.exec(field.value);
      slider?.remove();
      slider = null;
      if (!found) return;
      const first = Number(found[0]);
      const range = thresholds(first);
      const holds = { value: found[0], addEventListener() {} };
      slider = this.slider(`${words[level]}, number`, holds, range, /^-?\d+$/.test(found[0]) && Math.abs(first) > 20, Number, number, (text, dragging) => {
        field.value = field.value.replace(pattern, text);
        set(dragging);
      });
      holder.append(slider);
    };
    holder.append(make("label", { for: id, class: level }, words[level]), field);
    rebuild();
    return holder;
  }
}
