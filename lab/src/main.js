// The page of rhai-udf lab.
import { Refused, get, post } from "./api.js";
import { $, make, short } from "./dom.js";
import { Editor } from "./editor.js";
import { Knobs } from "./knobs.js";
import * as panels from "./panels.js";
import { Plot } from "./plot.js";
import { layout, theme } from "./layout.js";
import "./style.css";

const TYPING = 250;

/** What is open: the text of the disk and its version, by name. */
const files = new Map();
const view = { group: null, from: null, to: null };
let start = null;
let study = null;
let seen = 0;
let savedAt = null;
/** The findings of the text that is being typed; `null` while it is what was saved. */
let typed = null;

const showTab = panels.tabs();
const status = (text) => ($("status").textContent = text);
const nanoseconds = (seconds) => String(BigInt(Math.round(seconds * 1e6)) * 1000n);

const plot = new Plot($("plots"), {
  zoom: (from, to) => zoom(from === null ? null : nanoseconds(from), to === null ? null : nanoseconds(to)),
  point: (seconds) => showPoint(nanoseconds(seconds)),
  cursor: (seconds) => ($("span").textContent = seconds === undefined ? span() : short(new Date(seconds * 1e3).toISOString())),
  resize: () => later("resize", 150, () => refreshPicture()),
});
const knobs = new Knobs($("knobs"), turned);
let editor = null;

const timers = new Map();
function later(name, time, call) {
  clearTimeout(timers.get(name));
  timers.set(name, setTimeout(call, time));
}

function said(error) {
  if (error instanceof Refused) status(error.message);
  else {
    status("The program does not answer. Is it still running?");
    document.body.classList.add("gone");
  }
}

// Files

async function open(name) {
  const file = files.get(name) ?? (await get("file", { name }));
  files.set(name, file);
  editor.show(name, file.text);
  $("file").value = name;
  typed = null;
  changed();
}

function dirty(name = editor.name) {
  const file = files.get(name);
  return file !== undefined && name === editor.name && editor.text !== file.text;
}

function changed() {
  const isDirty = dirty();
  $("saved").textContent = isDirty ? "not saved" : start.edit ? "" : "read only";
  $("save").disabled = !start.edit || !isDirty;
  if (!isDirty) {
    typed = null;
    showFindings();
    return;
  }
  later("check", TYPING, async () => {
    const [name, text] = [editor.name, editor.text];
    try {
      const { findings } = await post("check", { name, text });
      if (name === editor.name && text === editor.text && dirty()) {
        typed = findings;
        showFindings();
      }
    } catch (error) {
      said(error);
    }
  });
}

function showFindings() {
  const findings = typed ?? study?.findings ?? [];
  editor.diagnose(findings);
  panels.findings(findings, async (finding) => {
    if (finding.file !== editor.name) await open(finding.file);
    editor.go(finding.line, finding.column);
  });
}

async function save(force = false) {
  if (!start.edit) return status("Nothing is saved: the program was started with --no-edit.");
  const name = editor.name;
  const text = editor.text;
  savedAt = performance.now();
  try {
    const { version } = await post("save", { name, text, base: force ? null : files.get(name).version });
    files.set(name, { name, text, version });
    $("conflict").hidden = true;
    status("Saved, replaying…");
    changed();
  } catch (error) {
    if (error instanceof Refused && error.status === 409) conflict(name, error.body);
    said(error);
  }
}

/** The disk has another text: nothing is overwritten before somebody has chosen. */
function conflict(name, disk) {
  const take = () => {
    files.set(name, { name, text: disk.text, version: disk.version });
    editor.replace(disk.text);
    $("conflict").hidden = true;
  };
  $("conflict").replaceChildren(
    `${name} has been changed on the disk. `,
    make("button", { type: "button", click: take }, "Take the disk's"),
    " ",
    make("button", { type: "button", click: () => save(true) }, "Save mine over it"),
  );
  $("conflict").hidden = false;
}

/** Follows what other editors save. */
async function follow(versions) {
  for (const [name, version] of Object.entries(versions)) {
    const file = files.get(name);
    if (!file || !version || version === file.version) continue;
    const disk = await get("file", { name });
    if (disk.version === files.get(name).version) continue;
    if (name === editor.name && !dirty()) {
      files.set(name, disk);
      editor.replace(disk.text);
      changed();
    } else if (name === editor.name) conflict(name, disk);
    else if (!editor.states.has(name)) files.set(name, disk);
    else {
      files.set(name, disk);
      editor.states.delete(name);
    }
  }
}

// Replays

/** One request of settings is on its way at a time; the latest follows it. */
let sending = false;
let waiting = null;
function turned(settings, dragging) {
  savedAt = performance.now();
  waiting = { settings: structuredClone(settings), dragging };
  if (!sending) send();
}

async function send() {
  sending = true;
  while (waiting) {
    const wish = waiting;
    waiting = null;
    try {
      await post("settings", wish);
    } catch (error) {
      said(error);
    }
  }
  sending = false;
}

function viewParameters() {
  const parameters = { pixels: String(plot.pixels) };
  for (const [name, value] of Object.entries(view)) if (value !== null) parameters[name] = value;
  return parameters;
}

async function news() {
  for (;;) {
    try {
      const asked = JSON.stringify(view);
      const answer = await get("news", { seen, files: [...files.keys()].join("\n"), ...viewParameters() });
      document.body.classList.remove("gone");
      seen = answer.changes;
      if (answer.ended) {
        status("The program has ended.");
        document.body.classList.add("gone");
        return;
      }
      if (answer.study) show(answer.study, asked === JSON.stringify(view));
      await follow(answer.files);
    } catch (error) {
      said(error);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

function show(next, isOfThisView) {
  study = next;
  // What can be turned is not known of a script that cannot be loaded: it stays as it was.
  if (!study.failed || study.knobs.length > 0 || knobs.shape === "") knobs.show(study.knobs, sending || waiting ? knobs.settings : study.settings, start.conditions);
  showGroups();
  if (isOfThisView) showPicture(study.picture);
  else refreshPicture();
  panels.alerts(study, goTo);
  panels.log(study.log);
  panels.states(study);
  panels.quality(study);
  showFindings();
  const took = `${(study.took * 1e3).toFixed(0)} ms`;
  const alerts = study.alertCount === 1 ? "1 alert event" : `${study.alertCount} alert events`;
  const { changes } = study;
  const moved = changes && changes.addedCount + changes.goneCount > 0 ? `, +${changes.addedCount} −${changes.goneCount}` : "";
  if (study.failed) status(`Failed: ${study.findings.find((each) => each.error)?.message ?? ""}`);
  else status(`${alerts}${moved}, ${took}`);
  $("status").title = study.summary;
  document.body.classList.toggle("failed", study.failed);
  drawn();
}

/** Says when a save was drawn: measured from the save to the frame that shows it. */
function drawn() {
  const { run } = study;
  const from = savedAt;
  savedAt = null;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    document.body.dataset.run = String(run);
    if (from !== null) document.body.dataset.redraw = (performance.now() - from).toFixed(0);
  }));
}

function showGroups() {
  const chosen = view.group ?? study.picture.group;
  const options = study.groups.map(({ id, title, alerts }) => {
    const name = title || id.replaceAll("\n", " ") || "all points";
    return make("option", { value: id }, alerts > 0 ? `${name} (${alerts})` : name);
  });
  $("group").replaceChildren(...options);
  $("group").value = chosen;
  const several = study.groups.length > 1;
  $("group").hidden = !several;
  $("group-label").hidden = !several;
}

// The picture

function span() {
  const picture = plot.picture;
  if (!picture) return "";
  const text = (ns) => short(new Date(Number(BigInt(ns) / 1000000n)).toISOString().replace(".000", ""));
  return `${text(picture.from)} – ${text(picture.to)}`;
}

function showPicture(picture) {
  if (!picture) return;
  plot.draw(picture);
  $("span").textContent = span();
  legend(picture);
  const names = new Set(picture.rows.filter((row) => row.side === "in").map((row) => row.field));
  let list = $("fields");
  if (!list) document.body.append((list = make("datalist", { id: "fields" })));
  list.replaceChildren(...[...names].map((name) => make("option", { value: name })));
}

function legend(picture) {
  const parts = [["measured", "measured"], ["made", "made"]];
  if (picture.rows.some((row) => row.lines.includes("before"))) parts.push(["ghost", "the version before"]);
  for (const [level, name] of [["CRITICAL", "critical"], ["WARNING", "warning"], ["INFO", "info"]]) {
    if ((picture.bands ?? []).some((band) => band[2] === level)) parts.push([name, name]);
  }
  if (picture.labels.length > 0) parts.push(["label", "labelled"]);
  const hidden = picture.rows.map((row) => {
    const key = plot.key(row);
    const box = make("input", { type: "checkbox", change: () => {
      if (box.checked) plot.hidden.delete(key);
      else plot.hidden.add(key);
      plot.redraw();
    } });
    box.checked = !plot.hidden.has(key);
    return make("label", { class: "row-box" }, box, row.series ? `${row.field} ${row.series}` : row.field);
  });
  $("legend").removeAttribute("aria-hidden");
  const shape = JSON.stringify([parts, picture.rows.map((row) => plot.key(row))]);
  if (shape === $("legend").dataset.shape) return;
  $("legend").dataset.shape = shape;
  $("legend").replaceChildren(...parts.map(([name, text]) => make("span", { class: `key ${name}` }, text)), ...hidden);
}

let asking = null;
async function refreshPicture() {
  asking?.abort();
  asking = new AbortController();
  try {
    showPicture(await get("picture", viewParameters(), asking.signal));
  } catch (error) {
    if (error.name !== "AbortError") said(error);
  }
}

function zoom(from, to) {
  view.from = from;
  view.to = to;
  refreshPicture();
}

/** Moves or zooms what is shown, within what there is. */
function change(factor, shift) {
  const { from, to, first, last } = plot.picture ?? {};
  if (from === undefined) return;
  const [a, b, low, high] = [from, to, first, last].map(BigInt);
  const width = Number(b - a);
  const middle = Number(a - low) + width * (0.5 + shift);
  const next = Math.max(1e6, Math.min(width * factor, Number(high - low)));
  let begin = Math.max(0, Math.min(middle - next / 2, Number(high - low) - next));
  begin = low + BigInt(Math.round(begin));
  const end = begin + BigInt(Math.round(next));
  if (begin <= low && end >= high) zoom(null, null);
  else zoom(String(begin), String(end));
}

function goTo(alert) {
  if (alert.group !== view.group) {
    view.group = alert.group;
    $("group").value = alert.group;
  }
  const { from, to, first, last } = plot.picture;
  const time = BigInt(alert.time);
  let width = BigInt(to) - BigInt(from);
  if (time < BigInt(from) || time > BigInt(to) || width > (BigInt(last) - BigInt(first)) / 4n) {
    width = width < (BigInt(last) - BigInt(first)) / 12n ? width : (BigInt(last) - BigInt(first)) / 12n;
    zoom(String(time - width / 2n), String(time + width / 2n));
  } else refreshPicture();
  showPoint(alert.time, alert.group);
}

let moment = 0;
async function showPoint(time, group = view.group ?? study.picture.group) {
  moment += 1;
  const mine = moment;
  showTab("point");
  $("point").replaceChildren(make("p", { class: "quiet", role: "status" }, "Replaying up to this point…"));
  try {
    const answer = await post("moment", { time, group });
    if (mine === moment) panels.point(answer);
  } catch (error) {
    if (mine === moment) $("point").replaceChildren(make("p", { class: "problem" }, error.message));
  }
}

// Dialogs

function dialog(title, ...parts) {
  const element = $("dialog");
  const close = make("button", { type: "button", click: () => element.close() }, "Close");
  element.replaceChildren(make("h2", { id: "dialog-title" }, title), ...parts, make("div", { class: "buttons" }, close));
  element.showModal();
  return element;
}

function copyButton(text) {
  const button = make("button", { type: "button", click: async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select the text and copy it";
    }
  } }, "Copy");
  return button;
}

async function showTickscript() {
  try {
    const { text } = await get("tickscript");
    const area = make("textarea", { readonly: true, rows: 16, "aria-label": "TICKscript" });
    area.value = text;
    dialog("The current options as a TICKscript", area, copyButton(text));
  } catch (error) {
    said(error);
  }
}

function showCut() {
  const name = make("input", { id: "cut-name", type: "text", required: true });
  const history = make("input", { id: "cut-history", type: "checkbox" });
  const out = make("div", { role: "status" });
  const cut = async () => {
    const { from, to } = plot.picture;
    out.textContent = "Replaying the slice…";
    try {
      const made = await post("cut", { name: name.value, from, to, history: history.checked });
      out.replaceChildren(make("p", {}, `Added to ${made.file}; it passes rhai-udf test.`), make("pre", {}, made.text));
    } catch (error) {
      out.replaceChildren(make("p", { class: "problem" }, error.message));
    }
  };
  const form = make("form", { submit: (event) => (event.preventDefault(), cut()) },
    make("p", {}, `The points of ${span()} become a test case; what comes of them now is what it expects.`),
    make("label", { for: "cut-name" }, "Name"), name,
    make("label", { for: "cut-history", class: "row-box" }, history, "with everything before, which the script has learnt from"),
    make("button", { type: "submit" }, "Cut it out"), out);
  dialog("Cut out a test case", form);
  name.focus();
}

// Wiring

function wire() {
  $("save").addEventListener("click", () => save());
  $("file").addEventListener("change", () => open($("file").value).catch(said));
  $("group").addEventListener("change", () => {
    view.group = $("group").value;
    refreshPicture();
  });
  $("tick").addEventListener("click", showTickscript);
  $("cut").addEventListener("click", showCut);
  $("cut").disabled = !start.edit;
  const moves = { earlier: [1, -0.5], later: [1, 0.5], closer: [0.5, 0], wider: [2, 0] };
  for (const [id, [factor, shift]] of Object.entries(moves)) $(id).addEventListener("click", () => change(factor, shift));
  $("all").addEventListener("click", () => zoom(null, null));
  $("plots").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      "+": () => change(0.5, 0), "=": () => change(0.5, 0), "-": () => change(2, 0), 0: () => zoom(null, null),
      ArrowLeft: () => change(1, -0.25), ArrowRight: () => change(1, 0.25),
      ",": () => plot.step(event.shiftKey ? -20 : -1), ".": () => plot.step(event.shiftKey ? 20 : 1),
      Enter: () => plot.cursor !== null && showPoint(nanoseconds(plot.cursor)),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  $("plots").addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    change(event.deltaY > 0 ? 1.25 : 0.8, 0);
  }, { passive: false });
  document.addEventListener("keydown", (event) => {
    // In the editor, its own key has saved already.
    if ((event.ctrlKey || event.metaKey) && event.key === "s" && !event.defaultPrevented) {
      event.preventDefault();
      save();
    }
  });
  window.addEventListener("beforeunload", (event) => {
    if (dirty()) event.preventDefault();
  });
}

async function main() {
  layout();
  theme(() => plot.repaint());
  start = await get("start");
  document.title = `${start.script} · rhai-udf lab`;
  if (start.live) status(`Waiting for points at ${start.live}`);
  editor = new Editor($("editor"), start.language, start.edit, { save: () => save(), change: () => changed() });
  const names = start.files.includes(start.script) ? start.files : [start.script, ...start.files];
  $("file").replaceChildren(...names.map((name) => make("option", { value: name }, name)));
  wire();
  await open(start.script);
  await news();
}

main().catch(said);
