// Rhai and TICKscript have no colours in mdBook; those of their nearest relatives serve well.
(() => {
    if (typeof hljs === "undefined" || !hljs.registerAliases) return;
    hljs.registerAliases(["rhai"], { languageName: "rust" });
    hljs.registerAliases(["tick"], { languageName: "javascript" });
    for (const code of document.querySelectorAll("code.language-rhai, code.language-tick")) {
        (hljs.highlightElement ?? hljs.highlightBlock).call(hljs, code);
    }
})();
