// The client of `rhai-udf lsp`.

"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");
const options = require("./options");

let client;

function surroundings() {
  const folders = vscode.workspace.workspaceFolders;
  const folder = folders && folders.length > 0 ? folders[0].uri.fsPath : undefined;
  return [vscode.workspace.getConfiguration("rhaiUdf"), folder];
}

async function start() {
  const [settings, folder] = surroundings();
  const watcher = vscode.workspace.createFileSystemWatcher("**/{*.rhai,rhai-udf.toml}");
  const forClient = options.clientOptions(settings, folder);
  forClient.synchronize = { fileEvents: watcher };
  client = new LanguageClient("rhaiUdf", "rhai-udf", options.serverOptions(settings, folder), forClient);
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    watcher.dispose();
    vscode.window.showErrorMessage(options.advice(settings, folder, error.message || error));
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running) {
    await running.stop();
  }
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("rhaiUdf.restart", async () => {
      await stop();
      await start();
    }),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration("rhaiUdf.path") || event.affectsConfiguration("rhaiUdf.logLevel")) {
        await stop();
        await start();
      } else if (event.affectsConfiguration("rhaiUdf.sample") && client) {
        const [settings, folder] = surroundings();
        await client.sendNotification("workspace/didChangeConfiguration", options.changed(settings, folder));
      }
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
