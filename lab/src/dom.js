// Elements without HTML in texts: what a script writes is never read as a page.

/** Makes an element with attributes and children; functions become listeners. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const $ = (id) => document.getElementById(id);

/** A number as people read it. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(3);
  return String(Number(value.toPrecision(7)));
}

/** A time without what is the same everywhere. */
export const short = (text) => text.replace("T", " ").replace("Z", "");

/** A text with its long numbers shortened. */
export const shortNumbers = (text) =>
  text.replace(/-?\d+\.\d{4,}(e[+-]?\d+)?/g, (all) => number(Number(Number(all).toPrecision(5))));

/** A value as JSON in few lines: arrays of numbers in one, long ones with their ends. */
export function outline(value, indent = "") {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((each) => typeof each !== "object" || each === null)) {
      const texts = value.map((each) => JSON.stringify(each));
      if (texts.length <= 12) return `[${texts.join(", ")}]`;
      return `[${texts.slice(0, 5).join(", ")}, … ${texts.length} values …, ${texts.slice(-3).join(", ")}]`;
    }
    const shown = value.slice(0, 20).map((each) => `${inner}${outline(each, inner)}`);
    if (value.length > 20) shown.push(`${inner}… ${value.length} values`);
    return `[\n${shown.join(",\n")}\n${indent}]`;
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value);
    if (entries.length === 0) return "{}";
    return `{\n${entries.map(([name, each]) => `${inner}${name}: ${outline(each, inner)}`).join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value);
}
