// What the client tells the server and how it starts it, from the settings. No call of the editor is in here.

"use strict";

const path = require("node:path");

/** The program: a relative path with a folder in it begins at the folder that is open. */
function program(settings, folder) {
  const named = (settings.get("path") || "rhai-udf").trim() || "rhai-udf";
  const isRelative = /[\\/]/.test(named) && !path.isAbsolute(named);
  return isRelative && folder ? path.join(folder, named) : named;
}

/** A sample beginning at the folder that is open; empty if there is none. */
function sample(settings, folder) {
  const named = (settings.get("sample") || "").trim();
  return named === "" || path.isAbsolute(named) || !folder ? named : path.join(folder, named);
}

/** How the server is started. */
function serverOptions(settings, folder) {
  const args = ["lsp", "--log-level", settings.get("logLevel") || "warn"];
  const run = { command: program(settings, folder), args, options: folder ? { cwd: folder } : {} };
  return { run, debug: run };
}

/** What the client is for and what it tells the server at the start. */
function clientOptions(settings, folder) {
  return {
    documentSelector: [
      { scheme: "file", language: "rhai" },
      { scheme: "untitled", language: "rhai" },
    ],
    initializationOptions: { sample: sample(settings, folder) },
  };
}

/** The settings in the form in which the server takes changes of them. */
function changed(settings, folder) {
  return { settings: { rhaiUdf: { sample: sample(settings, folder) } } };
}

/** What is said when the program cannot be started. */
function advice(settings, folder, error) {
  return (
    `rhai-udf: the language server cannot be started as '${program(settings, folder)} lsp' (${error}); ` +
    "install rhai-udf or set rhaiUdf.path"
  );
}

module.exports = { advice, changed, clientOptions, program, sample, serverOptions };
