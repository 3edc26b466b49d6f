// What stands on the right: alerts and what changed, the log, the states of groups, a point.
import { $, make, number, outline, short, shortNumbers } from "./dom.js";

const SHOWN = 300;

/** Tabs as the ARIA practices want them: arrows move, the panel follows. */
export function tabs() {
  const all = [...document.querySelectorAll('[role="tab"]')];
  const select = (tab, focus) => {
    for (const each of all) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      $(each.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (focus) tab.focus();
  };
  for (const tab of all) {
    tab.addEventListener("click", () => select(tab, false));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) select(all[(all.indexOf(tab) + by + all.length) % all.length], true);
    });
  }
  return (name) => select($(`tab-${name}`), false);
}

function alertRow(alert, go, sign) {
  const label = `${sign === "+" ? "new: " : sign === "−" ? "gone: " : ""}show ${alert.at}`;
  const time = make("button", { type: "button", class: "link", "aria-label": label, click: () => go(alert) }, short(alert.at));
  const what = shortNumbers([alert.group.replaceAll("\n", " "), alert.text].filter(Boolean).join(" ") || alert.id);
  const title = [alert.id, alert.group, alert.text].filter(Boolean).join("\n");
  const level = make("b", { class: `level ${alert.level}` }, alert.level);
  const cells = [make("td", {}, time), make("td", { title }, level, make("div", { class: "what" }, what))];
  if (sign) cells.unshift(make("td", { class: "sign" }, sign));
  return make("tr", { class: sign === "+" ? "added" : sign === "−" ? "gone" : null }, ...cells);
}

function table(caption, heads, rows) {
  const head = make("tr", {}, ...heads.map((each) => make("th", { scope: "col" }, each)));
  return make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...rows));
}

/** The alerts, what changed first. */
export function alerts(study, go) {
  const parts = [];
  const { changes } = study;
  if (study.failed) {
    parts.push(make("p", { class: "quiet" }, "The replay failed; these are the alerts before its error."));
  } else if (changes && changes.addedCount + changes.goneCount > 0) {
    const rows = [
      ...changes.added.map((alert) => ["+", alert]),
      ...changes.gone.map((alert) => ["−", alert]),
    ].sort(([, a], [, b]) => (BigInt(a.time) < BigInt(b.time) ? -1 : 1));
    const caption = `Since the version before: ${changes.addedCount} added, ${changes.goneCount} gone`;
    parts.push(table(caption, ["", "Time", "Level and values"], rows.slice(0, SHOWN).map(([sign, alert]) => alertRow(alert, go, sign))));
  } else if (changes) {
    parts.push(make("p", { class: "quiet" }, "The alerts are those of the version before."));
  }
  const listed = study.alerts.slice(0, SHOWN);
  const more = study.alertCount > listed.length ? `, the first ${listed.length} shown` : "";
  const caption = study.alertCount === 1 ? "1 event" : `${study.alertCount} events${more}`;
  parts.push(table(caption, ["Time", "Level and values"], listed.map((alert) => alertRow(alert, go, null))));
  $("alerts").replaceChildren(...parts);
  $("tab-alerts").textContent = `Alerts ${study.alertCount}`;
}

export function log(lines) {
  const rows = lines.map((line) => {
    const [level] = line.split(" ", 1);
    return make("div", { class: `line ${level}` }, line);
  });
  $("log").replaceChildren(...(rows.length > 0 ? rows : [make("p", { class: "quiet" }, "The script logged nothing.")]));
  $("tab-log").textContent = lines.length > 0 ? `Log ${lines.length}` : "Log";
}

/** The states of groups as trees that open. */
function stateTrees(states, leftOut, open) {
  const parts = [];
  for (const { node, groups, error } of states) {
    if (error) parts.push(make("p", { class: "problem" }, error));
    for (const group of groups ?? []) {
      const name = group.group.replaceAll("\n", " ") || "all points";
      const seen = group.seen ? ` · until ${short(group.seen)}` : "";
      const body = make("pre", {}, outline(group.state));
      const summary = make("summary", {}, make("b", {}, name), make("span", { class: "quiet" }, ` ${states.length > 1 ? node : ""}${seen}`));
      parts.push(make("details", { open: open(group) }, summary, body));
    }
  }
  if (leftOut > 0) parts.push(make("p", { class: "quiet" }, `${leftOut} groups that were seen earlier are left out.`));
  return parts;
}

export function states(study) {
  const opened = new Set([...$("states").querySelectorAll("details[open] b")].map((each) => each.textContent));
  const all = study.states.reduce((sum, { groups }) => sum + (groups?.length ?? 0), 0);
  const isOpen = (group) => all === 1 || opened.has(group.group.replaceAll("\n", " ") || "all points");
  const parts = stateTrees(study.states, study.statesLeftOut, isOpen);
  $("states").replaceChildren(...(parts.length > 0 ? parts : [make("p", { class: "quiet" }, "No group has a state.")]));
}

function fields(title, point) {
  const rows = Object.entries(point.fields).map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: "number" }, number(value))),
  );
  return make("table", {}, make("caption", {}, `${title}, ${short(point.at)}`), make("tbody", {}, ...rows));
}

/** A point, what was made of it, and the state before it. */
export function point(moment) {
  const parts = [make("h2", {}, short(moment.at))];
  if (moment.measured) parts.push(fields("Measured", moment.measured));
  if (moment.made) parts.push(fields("Made by the script", moment.made));
  parts.push(make("h3", {}, "State before it"));
  const own = (group) => group.group === moment.group;
  const trees = stateTrees(moment.states, moment.statesLeftOut, own);
  parts.push(...(trees.length > 0 ? trees : [make("p", { class: "quiet" }, "There was none.")]));
  $("point").replaceChildren(...parts);
}

/** What is wrong, in the words of `check`; a click goes there. */
export function findings(all, go) {
  const rows = all.map((finding) => {
    const text = make("pre", {}, finding.text);
    const place = finding.line > 0 && finding.file;
    const body = place
      ? make("button", { type: "button", class: "link", click: () => go(finding) }, `${finding.file}:${finding.line}${finding.column ? `:${finding.column}` : ""}`)
      : null;
    return make("div", { class: finding.error ? "finding error" : "finding warning" }, make("b", {}, finding.error ? "error" : "warning"), " ", body, text);
  });
  $("findings").replaceChildren(...rows);
}

export function quality(study) {
  const { quality: now, qualityBefore: before } = study;
  if (!now) {
    $("quality").replaceChildren();
    return;
  }
  const f1 = (value) => (value === null ? "–" : value.toFixed(3));
  const was = before && f1(before.f1) !== f1(now.f1) ? ` (before ${f1(before.f1)})` : "";
  const texts = [
    `${now.hits} of ${now.anomalies} hit`,
    `${now.misses} missed`,
    `${now.falseAlarms} false alarms`,
    `F1 ${f1(now.f1)}${was}`,
  ];
  $("quality").replaceChildren(...texts.map((text) => make("span", {}, text)));
}
