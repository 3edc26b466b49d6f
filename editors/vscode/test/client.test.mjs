// The client starts the server as the settings say, and the server that it starts answers.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const Module = require("node:module");
const options = require("../src/options.js");
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

const settings = (values) => ({ get: (name) => values[name] });

test("the settings become a command and options", () => {
  assert.equal(options.program(settings({}), "/w"), "rhai-udf");
  assert.equal(options.program(settings({ path: "bin/rhai-udf" }), "/w"), "/w/bin/rhai-udf");
  assert.equal(options.program(settings({ path: "/opt/rhai-udf" }), "/w"), "/opt/rhai-udf");
  assert.deepEqual(options.serverOptions(settings({ logLevel: "debug" }), "/w").run, {
    command: "rhai-udf",
    args: ["lsp", "--log-level", "debug"],
    options: { cwd: "/w" },
  });
  const client = options.clientOptions(settings({ sample: "data/a.lp" }), "/w");
  assert.equal(client.initializationOptions.sample, "/w/data/a.lp");
  assert.deepEqual(options.changed(settings({ sample: "" }), "/w"), { settings: { rhaiUdf: { sample: "" } } });
  assert.match(options.advice(settings({}), undefined, "ENOENT"), /rhai-udf lsp.*ENOENT.*rhaiUdf\.path/);
});

test("every setting that is read is declared, and every file that is named is there", () => {
  const declared = Object.keys(manifest.contributes.configuration.properties);
  assert.deepEqual(declared, ["rhaiUdf.path", "rhaiUdf.sample", "rhaiUdf.logLevel"]);
  const source = readFileSync(new URL("../src/options.js", import.meta.url), "utf8");
  for (const [, name] of source.matchAll(/settings\.get\("(\w+)"\)/g)) {
    assert.ok(declared.includes(`rhaiUdf.${name}`), name);
  }
  const { grammars, languages } = manifest.contributes;
  for (const file of [manifest.main, grammars[0].path, languages[0].configuration]) {
    assert.ok(existsSync(new URL(`../${file}`, import.meta.url)), file);
  }
});

/** The extension with an editor and a client that only take notes. */
function extension(fails) {
  const notes = { started: [], stopped: 0, told: [], errors: [], commands: {}, changed: undefined };
  const values = { path: "rhai-udf", sample: "", logLevel: "warn" };
  const vscode = {
    workspace: {
      workspaceFolders: [{ uri: { fsPath: "/w" } }],
      getConfiguration: () => settings(values),
      createFileSystemWatcher: () => ({ dispose() {} }),
      onDidChangeConfiguration: (react) => ((notes.changed = react), { dispose() {} }),
    },
    window: { showErrorMessage: (text) => notes.errors.push(text) },
    commands: { registerCommand: (name, run) => ((notes.commands[name] = run), { dispose() {} }) },
  };
  class LanguageClient {
    constructor(id, name, server, client) {
      this.what = { server, client };
    }
    async start() {
      if (fails) throw new Error("spawn rhai-udf ENOENT");
      notes.started.push(this.what);
    }
    async stop() {
      notes.stopped += 1;
    }
    async sendNotification(method, params) {
      notes.told.push([method, params]);
    }
  }
  const load = Module._load;
  Module._load = (name, ...rest) => {
    if (name === "vscode") return vscode;
    if (name === "vscode-languageclient/node") return { LanguageClient };
    return load(name, ...rest);
  };
  try {
    const path = require.resolve("../src/extension.js");
    delete require.cache[path];
    return { ...require(path), notes, values };
  } finally {
    Module._load = load;
  }
}

const affects = (...names) => ({ affectsConfiguration: (name) => names.includes(name) });

test("the client starts, follows the settings and stops", async () => {
  const { activate, deactivate, notes, values } = extension(false);
  const context = { subscriptions: [] };
  await activate(context);
  assert.equal(context.subscriptions.length, 2);
  assert.equal(notes.started[0].server.run.command, "rhai-udf");
  values.sample = "a.lp";
  await notes.changed(affects("rhaiUdf.sample"));
  assert.deepEqual(notes.told, [
    ["workspace/didChangeConfiguration", { settings: { rhaiUdf: { sample: "/w/a.lp" } } }],
  ]);
  values.path = "/opt/rhai-udf";
  await notes.changed(affects("rhaiUdf.path"));
  assert.equal(notes.started[1].server.run.command, "/opt/rhai-udf");
  await notes.commands["rhaiUdf.restart"]();
  assert.deepEqual([notes.started.length, notes.stopped], [3, 2]);
  await deactivate();
  assert.equal(notes.stopped, 3);
});

test("a program that is not there is told with what to do", async () => {
  const { activate, deactivate, notes } = extension(true);
  await activate({ subscriptions: [] });
  assert.match(notes.errors[0], /cannot be started.*ENOENT.*set rhaiUdf\.path/);
  await deactivate();
});

const program = process.env.RHAI_UDF;

test("the server answers the protocol library of the client", { skip: !program }, async () => {
  const rpc = require("vscode-languageserver-protocol/node");
  const { command, args } = options.serverOptions(settings({ path: program }), undefined).run;
  const server = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const left = new Promise((resolve) => server.on("exit", resolve));
  const connection = rpc.createProtocolConnection(server.stdout, server.stdin);
  connection.listen();
  const uri = new URL("../../../scripts/ttest.rhai", import.meta.url);
  const text = readFileSync(fileURLToPath(uri), "utf8");
  const told = new Promise((resolve) => connection.onNotification(rpc.PublishDiagnosticsNotification.type, resolve));
  const { capabilities } = await connection.sendRequest(rpc.InitializeRequest.type, {
    processId: process.pid,
    rootUri: null,
    capabilities: {},
  });
  assert.ok(capabilities.hoverProvider);
  await connection.sendNotification(rpc.InitializedNotification.type, {});
  await connection.sendNotification(rpc.DidOpenTextDocumentNotification.type, {
    textDocument: { uri: uri.href, languageId: "rhai", version: 1, text },
  });
  const { diagnostics, uri: whose } = await told;
  assert.deepEqual([whose, diagnostics], [uri.href, []]);
  const line = text.split("\n").findIndex((one) => one.includes("welch_ttest("));
  const character = text.split("\n")[line].indexOf("welch_ttest") + 2;
  const hover = await connection.sendRequest(rpc.HoverRequest.type, {
    textDocument: { uri: uri.href },
    position: { line, character },
  });
  assert.match(hover.contents.value, /Welch 1947/);
  await connection.sendRequest(rpc.ShutdownRequest.type);
  await connection.sendNotification(rpc.ExitNotification.type);
  assert.equal(await left, 0);
});
