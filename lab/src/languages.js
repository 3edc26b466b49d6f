// Rhai and TICKscript as CodeMirror knows languages, with the words that the program itself reports.
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { completeFromList, snippetCompletion } from "@codemirror/autocomplete";
import { tags } from "@lezer/highlight";

const RHAI = new Set(
  ("let const fn if else switch while loop do until for in break continue return throw try catch import " +
    "export as private this true false is_shared global").split(" "),
);
const TICK = new Set("var lambda AND OR TRUE FALSE dbrp stream batch".split(" "));

/** Reads up to the end of a string; `\` escapes. */
function string(stream, quote) {
  let escaped = false;
  for (let next = stream.next(); next !== undefined; next = stream.next()) {
    if (next === quote && !escaped) return true;
    escaped = next === "\\" && !escaped;
  }
  return false;
}

function rhaiToken(functions) {
  return (stream, state) => {
    if (state.comment > 0) {
      while (!stream.eol()) {
        if (stream.match("/*")) state.comment += 1;
        else if (stream.match("*/")) {
          state.comment -= 1;
          if (state.comment === 0) break;
        } else stream.next();
      }
      return "comment";
    }
    if (state.text) {
      if (string(stream, "`")) state.text = false;
      return "string";
    }
    if (stream.eatSpace()) return null;
    if (stream.match("//")) {
      stream.skipToEnd();
      return "comment";
    }
    if (stream.match("/*")) {
      state.comment = 1;
      return "comment";
    }
    const first = stream.peek();
    if (first === "`") {
      stream.next();
      state.text = !string(stream, "`");
      return "string";
    }
    if (first === '"' || first === "'") {
      stream.next();
      string(stream, first);
      return "string";
    }
    if (stream.match(/^(0x[\da-f_]+|0b[01_]+|0o[0-7_]+|\d[\d_]*(\.\d[\d_]*)?(e[+-]?\d+)?)/i)) return "number";
    const word = stream.match(/^[A-Za-z_][A-Za-z0-9_]*/);
    if (word) {
      if (RHAI.has(word[0])) return "keyword";
      if (stream.match(/^\s*\(/, false)) {
        return functions.has(word[0]) ? "variableName.standard" : "variableName.function";
      }
      return stream.match(/^\s*:(?!:)/, false) ? "propertyName" : "variableName";
    }
    if (stream.match(/^[-+*/%<>=!&|^~?.:#]+/)) return "operator";
    stream.next();
    return null;
  };
}

function tickToken(stream) {
  if (stream.eatSpace()) return null;
  if (stream.match("//")) {
    stream.skipToEnd();
    return "comment";
  }
  if (stream.match("'''")) {
    while (!stream.eol() && !stream.match("'''")) stream.next();
    return "string";
  }
  if (stream.peek() === "'") {
    stream.next();
    string(stream, "'");
    return "string";
  }
  if (stream.peek() === '"') {
    stream.next();
    string(stream, '"');
    return "propertyName";
  }
  if (stream.match(/^\d+(\.\d+)?(ns|u|µ|ms|s|m|h|d|w)?/)) return "number";
  if (stream.match(/^[|@.]\s*[A-Za-z_]\w*/)) {
    const text = stream.current();
    return text[0] === "." ? "propertyName" : text[0] === "@" ? "variableName.standard" : "variableName.function";
  }
  const word = stream.match(/^[A-Za-z_]\w*/);
  if (word) return TICK.has(word[0]) ? "keyword" : "variableName";
  stream.next();
  return null;
}

/** The words that complete a Rhai script. */
function rhaiWords(language) {
  const words = [...RHAI].map((label) => ({ label, type: "keyword" }));
  for (const { name, counts, about } of language.functions) {
    const detail = about ? about[0] : `takes ${counts.join(" or ")}`;
    words.push({ label: name, type: "function", detail, info: about?.[1] });
  }
  for (const { name, about } of language.properties) {
    words.push({ label: name, type: "property", detail: about?.[0], info: about?.[1], boost: -1 });
  }
  const bodies = {
    info: 'fn info() {\n\t#{\n\t\twants: "stream",\n\t\tprovides: "stream",\n\t\toptions: #{ field: "string" },\n\t}\n}',
    state: "fn state(opt) {\n\t#{ ${} }\n}",
    point: "fn point(p, opt) {\n\t${}\n\temit(p);\n}",
    points: "fn points(chunk, opt) {\n\t${}\n}",
    end_batch: "fn end_batch(batch, opt) {\n\t${}\n}",
    init: "fn init(opt) {\n\t${}\n}",
    migrate: "fn migrate(old, opt) {\n\t${}\n}",
    begin_batch: "fn begin_batch(batch, opt) {\n\t${}\n}",
  };
  for (const name of language.callbacks) {
    if (bodies[name]) words.push(snippetCompletion(bodies[name], { label: `fn ${name}`, type: "class" }));
  }
  return words;
}

function tickWords(language) {
  const words = [...TICK].map((label) => ({ label, type: "keyword" }));
  const seen = new Set();
  for (const { name, takes, properties } of language.nodes) {
    words.push({ label: `|${name}`, apply: `|${name}()`, type: "function", detail: takes });
    for (const [property, arguments_] of properties) {
      if (seen.has(property)) continue;
      seen.add(property);
      words.push({ label: `.${property}`, apply: `.${property}()`, type: "property", detail: arguments_ });
    }
  }
  return words;
}

/** Completes names that begin where the cursor is; names of the script itself too. */
function completion(words, start) {
  const complete = completeFromList(words);
  return (context) => {
    const word = context.matchBefore(start);
    if (!word && !context.explicit) return null;
    const known = complete(context);
    const own = new Set(context.state.doc.toString().match(/[A-Za-z_]\w{2,}/g) ?? []);
    const labels = new Set(words.map((each) => each.label));
    if (word) own.delete(word.text);
    const mine = [...own].filter((label) => !labels.has(label)).map((label) => ({ label, type: "text", boost: -2 }));
    const from = word ? word.from : context.pos;
    return { from, options: [...(known?.options ?? words), ...mine], validFor: /^[|.@]?\w*$/ };
  };
}

/** The extensions for a file, by its name. */
export function languageOf(name, described) {
  if (name.endsWith(".tick")) {
    const language = StreamLanguage.define({
      name: "tickscript",
      token: tickToken,
      languageData: { commentTokens: { line: "//" } },
    });
    return [language, language.data.of({ autocomplete: completion(tickWords(described), /[|.@]?\w*/) })];
  }
  const functions = new Set(described.functions.map((each) => each.name));
  const language = StreamLanguage.define({
    name: "rhai",
    startState: () => ({ comment: 0, text: false }),
    copyState: (state) => ({ ...state }),
    token: rhaiToken(functions),
    languageData: {
      commentTokens: { line: "//", block: { open: "/*", close: "*/" } },
      closeBrackets: { brackets: ["(", "[", "{", '"', "`"] },
      indentOnInput: /^\s*[}\])]$/,
    },
    indent: (state, after, context) => {
      const line = context.lineAt(context.pos, -1);
      const opens = /[{(\[]\s*$/.test(line.text);
      const closes = /^\s*[}\])]/.test(after);
      const before = context.lineIndent(line.from);
      return Math.max(0, before + (opens ? context.unit : 0) - (closes ? context.unit : 0));
    },
  });
  return [language, language.data.of({ autocomplete: completion(rhaiWords(described), /\w+/) })];
}

/** Colours come from the style sheet, so that they follow light and dark. */
export const highlighting = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.keyword, class: "tok-keyword" },
    { tag: tags.comment, class: "tok-comment" },
    { tag: tags.string, class: "tok-string" },
    { tag: tags.number, class: "tok-number" },
    { tag: tags.propertyName, class: "tok-property" },
    { tag: tags.operator, class: "tok-operator" },
    { tag: tags.standard(tags.variableName), class: "tok-native" },
    { tag: tags.function(tags.variableName), class: "tok-function" },
  ]),
);
