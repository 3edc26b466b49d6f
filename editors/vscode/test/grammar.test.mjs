// The grammar names the parts of scripts as they are, in every script that ships too.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const here = (path) => new URL(path, import.meta.url);
const wasm = readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm"));
await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () =>
    textmate.parseRawGrammar(readFileSync(here("../syntaxes/rhai.tmLanguage.json"), "utf8"), "rhai.json"),
});
const grammar = await registry.loadGrammar("source.rhai");

/** The pieces of a text with their scopes, over all lines, and how deep the grammar is nested at the end. */
function pieces(text) {
  let state = textmate.INITIAL;
  const all = [];
  for (const line of text.split("\n")) {
    const result = grammar.tokenizeLine(line, state);
    for (const token of result.tokens) {
      all.push([line.slice(token.startIndex, token.endIndex), token.scopes.slice(1)]);
    }
    state = result.ruleStack;
  }
  return { all, depth: state.depth };
}

function check(text, piece, scope) {
  const found = pieces(text).all.filter(([part]) => part.trim() === piece);
  assert.ok(found.length > 0, `'${piece}' is no piece of ${text}: ${JSON.stringify(pieces(text).all)}`);
  const named = found.some(([, scopes]) => scopes.some((known) => known.startsWith(scope)));
  assert.ok(named, `'${piece}' in ${text}: ${JSON.stringify(found)}`);
}

test("the parts of a script have their scopes", () => {
  check("fn point(p, opt) {}", "point", "entity.name.function.callback");
  check("fn twice(x) {}", "twice", "entity.name.function.rhai");
  check("private fn f() {}", "private", "storage.modifier");
  check("let x = 1_000.5e-3;", "1_000.5e-3", "constant.numeric.float");
  check("let x = 0xFF;", "0xFF", "constant.numeric.hex");
  check("for i in 0..10 {}", "..", "keyword.operator.range");
  check("for i in 0..10 {}", "10", "constant.numeric.integer");
  check("this.mean", "this", "variable.language");
  check("this.mean", "mean", "variable.other.property");
  check("emit(p)", "emit", "support.function");
  check("a.push(1)", "push", "entity.name.function.call");
  check("filters::median(x)", "filters", "entity.name.namespace");
  check("#{ wants: 1 }", "wants", "variable.other.key");
  check("switch x { 1 => 2 }", "=>", "keyword.operator.arrow");
  check("// note", "// note", "comment.line.double-slash");
  check("/// doc", "/// doc", "comment.line.documentation");
  check("/* a /* b */ c */ let x = 1;", "let", "storage.type");
  check('"a\\"b"; let', "let", "storage.type");
  check('#"raw " text"#; let', "let", "storage.type");
  check("`a ${ x.y } b`", "y", "variable.other.property");
  check("`a ${ #{b: 1}.b } c`; let", "let", "storage.type");
  check("'c'", "'c'", "constant.character");
  check('let s = "half typed\nlet t = 1;', "let", "storage.type");
});

test("every shipped script ends where it began", () => {
  const folder = here("../../../scripts/");
  const scripts = readdirSync(folder).filter((name) => name.endsWith(".rhai"));
  assert.ok(scripts.length > 20);
  const base = pieces("let x = 1;").depth;
  for (const name of scripts) {
    const { all, depth } = pieces(readFileSync(new URL(name, folder), "utf8"));
    assert.equal(depth, base, `${name} leaves something open`);
    const words = all.filter(([part, scopes]) => /^(let|const|fn|if)$/.test(part.trim()) && scopes.length === 0);
    assert.deepEqual(words, [], name);
  }
});
