// Colours for Rhai and TICKscript, which mdBook does not know.
(() => {
    if (typeof hljs === "undefined") return;
    hljs.registerLanguage("rhai", (h) => ({
        keywords: {
            keyword:
                "fn let const if else switch for in while loop do until break continue return throw " +
                "try catch import as export private",
            literal: "true false",
            built_in: "this global opt emit",
        },
        contains: [
            h.C_LINE_COMMENT_MODE,
            h.C_BLOCK_COMMENT_MODE,
            h.QUOTE_STRING_MODE,
            { className: "string", begin: "`", end: "`" },
            { className: "number", begin: "\\b\\d[\\d_]*(\\.\\d+)?([eE][-+]?\\d+)?\\b" },
        ],
    }));
    hljs.registerAliases(["tick"], { languageName: "javascript" });
    for (const code of document.querySelectorAll("code.language-rhai, code.language-tick")) {
        (hljs.highlightElement ?? hljs.highlightBlock).call(hljs, code);
    }
})();
