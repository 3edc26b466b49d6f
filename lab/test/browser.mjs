// Drives the page in a real headless Chromium: `npm test` after `cargo build`. RHAI_UDF names the program, CHROMIUM
// the browser, SHOTS a folder for screenshots, BUNDLE=disk takes lab/dist in place of the bundle in the program.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

const top = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const program = process.env.RHAI_UDF ?? join(top, "target", "debug", "rhai-udf");
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
const shots = process.env.SHOTS;
const printer = join(top, "examples", "printer", "printer.lp.gz");
/** Long, for machines that are busy. */
const PATIENCE = Number(process.env.PATIENCE ?? 60_000);

const folder = mkdtempSync(join(tmpdir(), "rhai-udf-lab-"));
const children = [];

/** Starts the lab; returns its address. */
function lab(...args) {
  const child = spawn(program, ["lab", ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let errors = "";
  child.stderr.on("data", (text) => (errors += text));
  return new Promise((resolve, reject) => {
    let out = "";
    child.stdout.on("data", (text) => {
      out += text;
      const found = /^open (\S+)$/m.exec(out);
      if (found) resolve({ url: found[1], out, child });
    });
    child.on("exit", (code) => reject(new Error(`the lab ended with ${code}: ${errors}`)));
  });
}

const browser = await puppeteer.launch({
  executablePath: chromium,
  headless: true,
  // A container has no user namespaces for the browser's own sandbox.
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});

/** Opens the page; whatever the console complains of fails the test. */
async function open(url, scheme = "light") {
  const page = await browser.newPage();
  page.complaints = [];
  page.expected = () => false;
  page.on("pageerror", (error) => page.complaints.push(String(error.stack)));
  page.on("console", (message) => {
    const text = message.text();
    if (["error", "warning"].includes(message.type()) && !page.expected(text)) page.complaints.push(text);
  });
  if (process.env.BUNDLE === "disk") {
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      const name = basename(new URL(request.url()).pathname);
      const path = join(top, "lab", "dist", name);
      if (!["lab.js", "lab.css"].includes(name)) return request.continue();
      const contentType = name.endsWith(".js") ? "text/javascript" : "text/css";
      return request.respond({ status: 200, contentType, body: readFileSync(path) });
    });
  }
  await page.setViewport({ width: 1280, height: 800 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(url);
  await until(page, () => document.body.dataset.run !== undefined);
  return page;
}

const until = (page, condition, ...args) => page.waitForFunction(condition, { timeout: PATIENCE, polling: 20 }, ...args);
const text = (page, selector) => page.$eval(selector, (element) => element.textContent);
const run = async (page) => Number(await page.evaluate(() => document.body.dataset.run));

/** Puts the cursor into the editor and takes a text in place of another, by the keyboard. */
async function edit(page, from, to) {
  const path = await page.$eval("#file", (element) => element.value);
  assert.ok((await editorText(page)).includes(from), `${path} holds ${from}`);
  await page.focus(".cm-content");
  await page.keyboard.down("Control");
  await page.keyboard.press("f");
  await page.keyboard.up("Control");
  await page.waitForSelector(".cm-search [name=search]");
  const fill = async (name, value) => {
    await page.click(`.cm-search [name=${name}]`, { clickCount: 3 });
    await page.keyboard.sendCharacter(value);
  };
  await fill("search", from);
  await fill("replace", to);
  await page.click(".cm-search [name=replaceAll]");
  await page.keyboard.press("Escape");
  await page.focus(".cm-content");
}

const editorText = (page) => page.evaluate(() => document.querySelector(".cm-content").innerText);

/** Saves by Ctrl+S, and waits for the replay of it. */
async function save(page) {
  const before = await run(page);
  await page.keyboard.down("Control");
  await page.keyboard.press("s");
  await page.keyboard.up("Control");
  await until(page, (last) => Number(document.body.dataset.run) > last, before);
}

const shot = async (page, name) => shots && page.screenshot({ path: join(shots, `${name}.png`) });

const tests = {
  async "the page opens, is named for screen readers, and nothing complains"(page) {
    assert.match(await text(page, "#status"), /2 alert events/);
    const unnamed = await page.evaluate(() => {
      const named = (element) =>
        element.getAttribute("aria-label") || element.getAttribute("aria-labelledby") || element.labels?.length > 0 ||
        element.textContent.trim() || element.title;
      const all = document.querySelectorAll("button, input, select, textarea, [role=tab], [role=separator], [role=img]");
      return [...all].filter((element) => !named(element)).map((element) => element.outerHTML);
    });
    assert.deepEqual(unnamed, []);
    assert.equal(await page.$$eval("#alerts tbody tr", (rows) => rows.length), 2);
    assert.match(await page.$eval("[role=img]", (row) => row.getAttribute("aria-label")), /hotend, measured: from \d/);
    // All is inside the window.
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight);
    assert.equal(overflow, false);
    const drawn = await page.$$eval("#plots canvas", (all) => all.map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value, i) => i % 4 === 3 && value > 0);
    }));
    assert.ok(drawn.length >= 5 && drawn.every(Boolean));
    await shot(page, "lab");
  },

  async "scripts that are not ours do not run, and nothing is fetched from elsewhere"(page) {
    page.expected = (complaint) => /Content Security Policy|violates|Failed to load|TrustedScript|TrustedHTML/.test(complaint);
    const ran = await page.evaluate(async () => {
      const script = document.createElement("script");
      let refused = 0;
      try {
        script.textContent = "window.injected = true";
      } catch {
        refused += 1;
      }
      document.body.append(script);
      try {
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.injected = true'>");
      } catch {
        refused += 1;
      }
      const fetched = await fetch("http://127.0.0.1:1/").then(() => true, () => false);
      await new Promise((resolve) => setTimeout(resolve, 100));
      return { injected: window.injected === true, refused, fetched };
    });
    assert.deepEqual(ran, { injected: false, refused: 2, fetched: false });
    const hosts = await page.evaluate(() => [...new Set(performance.getEntriesByType("resource").map((each) => new URL(each.name).host))]);
    assert.deepEqual(hosts.filter((host) => host !== new URL(page.url()).host && host !== "127.0.0.1:1"), []);
    page.expected = () => false;
  },

  async "functions are completed, with what the documents say"(page) {
    await page.focus(".cm-content");
    await page.keyboard.down("Control");
    await page.keyboard.press("End");
    await page.keyboard.up("Control");
    await page.keyboard.type("\nwelch_t");
    await page.waitForSelector(".cm-tooltip-autocomplete", { timeout: PATIENCE });
    assert.match(await text(page, ".cm-tooltip-autocomplete"), /welch_ttest/);
    await shot(page, "lab-completion");
    await page.keyboard.press("Escape");
    for (let i = 0; i < 8; i += 1) await page.keyboard.press("Backspace");
    await until(page, () => document.getElementById("saved").textContent === "");
  },

  async "an edit that is saved makes alerts appear, and the version before stays as a ghost"(page) {
    await edit(page, "pvalue: test.pvalue }", "pvalue: test.pvalue / 100.0 }");
    await until(page, () => document.getElementById("saved").textContent === "not saved");
    await save(page);
    assert.match(await text(page, "#alerts caption"), /Since the version before: \d+ added/);
    assert.ok((await page.$$("#alerts tr.added")).length > 0);
    assert.match(await text(page, "#legend"), /the version before/);
    assert.match(readFileSync(join(folder, "ttest.rhai"), "utf8"), /pvalue \/ 100/);
    console.log(`      from the save to the drawn plot: ${await page.evaluate(() => document.body.dataset.redraw)} ms`);
    await shot(page, "lab-ghost");
  },

  async "a broken script shows the words of check at its line, before it is saved and after"(page) {
    await edit(page, "let normal = true;", "let normal = ;");
    await until(page, () => document.querySelector(".finding.error") !== null);
    await save(page);
    const saved = readFileSync(join(folder, "ttest.rhai"), "utf8").split("\n");
    const line = saved.findIndex((each) => each.includes("let normal = ;")) + 1;
    assert.ok((await text(page, ".finding.error")).includes(`ttest.rhai:${line}`), await text(page, "#findings"));
    const checked = spawnSync(program, ["check", join(folder, "ttest.rhai")], { encoding: "utf8" });
    const shown = await text(page, ".finding.error pre");
    assert.ok(checked.stdout.includes(shown.trim()), `${checked.stdout}\n---\n${shown}`);
    const marked = await page.evaluate(() => {
      const marker = document.querySelector(".cm-lint-marker-error").getBoundingClientRect();
      const numbers = [...document.querySelectorAll(".cm-lineNumbers .cm-gutterElement")];
      return numbers.find((each) => Math.abs(each.getBoundingClientRect().top - marker.top) < 9)?.textContent;
    });
    assert.equal(marked, String(line));
    assert.match(await text(page, "#status"), /^Failed/);
    await shot(page, "lab-error");
    await edit(page, "let normal = ;", "let normal = true;");
    await save(page);
    assert.equal(await page.$(".finding"), null);
  },

  async "dragging a slider redraws before it is let go"(page) {
    const before = await run(page);
    const slider = await page.$('#knobs input[type="range"][aria-label^="size"]');
    const box = await slider.boundingBox();
    const y = box.y + box.height / 2;
    const value = await page.$eval("#knob-size", (field) => field.value);
    const at = await slider.evaluate((element) => element.value / element.max);
    await page.mouse.move(box.x + 8 + (box.width - 16) * at, y);
    await page.mouse.down();
    for (let i = 1; i <= 6; i += 1) await page.mouse.move(box.x + 8 + (box.width - 16) * (at - 0.05 * i), y);
    await until(page, (last) => Number(document.body.dataset.run) > last, before);
    const dragged = await run(page);
    assert.match(await text(page, "#legend"), /the version before/);
    console.log(`      from the drag to the drawn plot: ${await page.evaluate(() => document.body.dataset.redraw)} ms`);
    await page.mouse.up();
    await until(page, (last) => Number(document.body.dataset.run) > last, dragged);
    assert.notEqual(await page.$eval("#knob-size", (field) => field.value), value);
  },

  async "what another editor saves is shown"(page) {
    const path = join(folder, "ttest.rhai");
    const before = await run(page);
    writeFileSync(path, readFileSync(path, "utf8").replace(" / 100.0", ""));
    await until(page, (last) => Number(document.body.dataset.run) > last, before);
    await until(page, () => !document.querySelector(".cm-content").innerText.includes("/ 100.0"));
  },

  async "what both have changed is not lost"(page) {
    page.expected = (complaint) => /409/.test(complaint);
    const path = join(folder, "ttest.rhai");
    await edit(page, "let normal = true;", "let normal = true; // mine");
    writeFileSync(path, `${readFileSync(path, "utf8")}// theirs\n`);
    await until(page, () => !document.getElementById("conflict").hidden);
    await page.keyboard.down("Control");
    await page.keyboard.press("s");
    await page.keyboard.up("Control");
    await until(page, () => /changed on the disk/.test(document.getElementById("status").textContent));
    assert.match(readFileSync(path, "utf8"), /theirs/);
    await page.click("#conflict button");
    assert.match(await editorText(page), /theirs/);
    page.expected = () => false;
  },

  async "a point is shown with the state before it, by the mouse and by the keyboard"(page) {
    const over = await page.$("#plots .u-over");
    const box = await over.boundingBox();
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await until(page, () => document.querySelector("#point table") !== null);
    assert.match(await text(page, "#point"), /hotend/);
    assert.match(await text(page, "#point"), /moving_stats/);
    await shot(page, "lab-point");
    await page.focus("#plots");
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    await until(page, () => !document.getElementById("span").textContent.includes("00:00:00 –"));
    await page.keyboard.press(".");
    const first = await text(page, "#point h2");
    await page.keyboard.press("Enter");
    await until(page, (last) => document.querySelector("#point h2")?.textContent !== last && document.querySelector("#point table"), first);
    await page.keyboard.press("0");
    await until(page, () => document.getElementById("span").textContent.includes("00:00:00"));
  },

  async "tabs are reached and changed by the keyboard"(page) {
    await page.focus("#tab-point");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.evaluate(() => document.activeElement.id), "tab-alerts");
    assert.equal(await page.$eval("#alerts", (panel) => panel.hidden), false);
    await page.click("#alerts button.link");
    await until(page, () => document.querySelector("#point table") !== null);
  },

  async "a slice becomes a test case that rhai-udf test runs"(page) {
    // Choosing an alert has zoomed in on it; its times do not hold what the script learns from.
    await page.click("#cut");
    await page.type("#cut-name", "a jump of the hot end");
    await page.click("#cut-history");
    await page.keyboard.press("Enter");
    await until(page, () => /Added to|problem/.test(document.getElementById("dialog").innerHTML));
    assert.match(await text(page, "#dialog"), /Added to ttest.test.toml/);
    await shot(page, "lab-cut");
    await page.keyboard.press("Escape");
    const tested = spawnSync(program, ["test", folder], { encoding: "utf8" });
    assert.equal(tested.status, 0, tested.stdout + tested.stderr);
    const cases = readFileSync(join(folder, "ttest.test.toml"), "utf8");
    assert.match(cases, /level = "CRITICAL"/);
  },

  async "the options are written as a TICKscript"(page) {
    await page.click("#tick");
    await until(page, () => document.querySelector("#dialog textarea") !== null);
    const written = await page.$eval("#dialog textarea", (area) => area.value);
    assert.match(written, /@ttest\(\)\n\s+\.field\('hotend'\)/);
    assert.match(written, /crit\(lambda: "pvalue" < 0\.001\)/);
    await page.keyboard.press("Escape");
  },
};

async function looking() {
  const { url } = await lab("ttest.rhai", "--no-edit", "--data", printer, "--precision", "s", "--period", "5m", "--every", "5m", "--set", "field=bed", "--set", "size=3600", "--crit", "pvalue < 0.001");
  const page = await open(url, "dark");
  assert.equal(await page.$eval("#save", (button) => button.disabled), true);
  await page.focus(".cm-content");
  await page.keyboard.type("x");
  assert.doesNotMatch(await editorText(page), /^x/);
  page.expected = (complaint) => /403/.test(complaint);
  const status = await page.evaluate(async () => {
    const body = JSON.stringify({ name: "ttest.rhai", text: "x", base: null });
    const response = await fetch("api/save", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    return response.status;
  });
  assert.equal(status, 403);
  await shot(page, "lab-dark");
  await page.close();
}

async function live() {
  const { url, out } = await lab("sigma.rhai", "--live", "--port", "0", "--set", "field=x", "--crit", "sigma > 3.0");
  const page = await open(url);
  const port = /listening on (\S+)/.exec(out)[1];
  let lines = "";
  for (let i = 0; i < 400; i += 1) lines += `m x=${Math.sin(i)} ${1_600_000_000 + i}000000000\n`;
  lines += "m x=50 1600000400000000000\n";
  const response = await fetch(`${port}/write?db=d`, { method: "POST", body: lines });
  assert.equal(response.status, 204);
  await until(page, () => /CRITICAL/.test(document.getElementById("alerts").textContent));
  assert.deepEqual(page.complaints, []);
  await page.close();
}

let failed = 0;
async function attempt(name, call) {
  const began = performance.now();
  try {
    await call();
    console.log(`ok    ${name} (${(performance.now() - began).toFixed(0)} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}

try {
  for (const name of ["ttest.rhai", "sigma.rhai"]) copyFileSync(join(top, "scripts", name), join(folder, name));
  assert.ok(existsSync(printer) && readdirSync(folder).length === 2);
  const { url } = await lab("ttest.rhai", "--data", printer, "--precision", "s", "--period", "5m", "--every", "5m", "--set", "field=hotend", "--set", "size=3600", "--crit", "pvalue < 0.001");
  const page = await open(url);
  for (const [name, test] of Object.entries(tests)) {
    await attempt(name, async () => {
      page.complaints.length = 0;
      await test(page);
      assert.deepEqual(page.complaints, []);
    });
  }
  await attempt("--no-edit only shows, and in dark", looking);
  await attempt("--live shows what arrives", live);
} finally {
  await browser.close();
  for (const child of children) child.kill("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
}
console.log(failed === 0 ? "all passed" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
