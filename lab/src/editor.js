// The editor: one state a file, problems at their lines.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { highlighting, languageOf } from "./languages.js";

export class Editor {
  /** `on` has `save()`, and `change()` after each change of the text. */
  constructor(parent, described, edit, on) {
    this.described = described;
    this.edit = edit;
    this.on = on;
    this.states = new Map();
    this.name = "";
    this.view = new EditorView({ parent, state: this.stateOf("", "") });
  }

  stateOf(name, text) {
    const nonce = document.querySelector('meta[name="style-nonce"]').content;
    return EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        EditorState.readOnly.of(!this.edit),
        EditorState.tabSize.of(4),
        indentUnit.of("    "),
        lineNumbers(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        highlightSpecialChars(),
        highlightSelectionMatches(),
        drawSelection(),
        history(),
        search({ top: true }),
        bracketMatching(),
        closeBrackets(),
        indentOnInput(),
        lintGutter(),
        autocompletion(),
        highlighting,
        languageOf(name, this.described),
        EditorView.contentAttributes.of({ "aria-label": `Text of ${name}`, spellcheck: "false" }),
        EditorView.updateListener.of((update) => update.docChanged && this.on.change()),
        // Escape, then Tab leaves the editor; that is CodeMirror's way, and it says so to screen readers.
        keymap.of([
          { key: "Mod-s", preventDefault: true, run: () => (this.on.save(), true) },
          ...closeBracketsKeymap,
          ...defaultKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...completionKeymap,
          ...lintKeymap,
          indentWithTab,
        ]),
      ],
    });
  }

  /** Shows a file; one that was open keeps its changes. */
  show(name, text) {
    if (this.name) this.states.set(this.name, this.view.state);
    this.name = name;
    this.view.setState(this.states.get(name) ?? this.stateOf(name, text));
  }

  /** Takes another text in place of the file's, as one change that can be undone. */
  replace(text) {
    const { doc } = this.view.state;
    const anchor = Math.min(this.view.state.selection.main.anchor, text.length);
    this.view.dispatch({ changes: { from: 0, to: doc.length, insert: text }, selection: { anchor } });
  }

  get text() {
    return this.view.state.doc.toString();
  }

  /** Shows what is wrong in the file that is shown. */
  diagnose(findings) {
    const { doc } = this.view.state;
    const own = findings.filter((finding) => finding.line > 0 && finding.file === this.name);
    const diagnostics = own.map(({ line, column, error, message }) => {
      const at = doc.line(Math.min(line, doc.lines));
      const from = Math.min(at.from + Math.max(0, column - 1), at.to);
      const word = /^\w+/.exec(doc.sliceString(from, at.to));
      const to = column === 0 ? at.to : Math.min(at.to, from + (word ? word[0].length : 1));
      return { from: column === 0 ? at.from : from, to, severity: error ? "error" : "warning", message };
    });
    this.view.dispatch(setDiagnostics(this.view.state, diagnostics));
  }

  /** Puts the cursor at a place. */
  go(line, column) {
    const at = this.view.state.doc.line(Math.max(1, Math.min(line, this.view.state.doc.lines)));
    const anchor = Math.min(at.from + Math.max(0, column - 1), at.to);
    this.view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
    this.view.focus();
  }
}
