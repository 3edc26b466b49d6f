// The bundle has fixed names and no hashes: it is kept in the repository, and CI compares.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vite";

/** Writes the licences of all packages that the bundle holds beside it. */
function licences() {
  return {
    name: "licences",
    generateBundle(_options, bundle) {
      const folders = new Set();
      for (const chunk of Object.values(bundle)) {
        for (const id of Object.keys(chunk.modules ?? {})) {
          const found = id.match(/^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/);
          if (found) folders.add(found[0]);
        }
      }
      const texts = [...folders].sort().map((folder) => {
        const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
        const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
        if (!file) this.error(`${about.name} has no licence file`);
        if (!["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"].includes(about.license)) {
          this.error(`${about.name}: the licence ${about.license} is not one that we take`);
        }
        const text = readFileSync(join(folder, file), "utf8").replace(/\r/g, "").trim();
        return `${about.name} ${about.version} (${about.license})\n\n${text}\n`;
      });
      const head = "The page of rhai-udf lab holds these packages.\n";
      this.emitFile({
        type: "asset",
        fileName: "licenses.txt",
        source: [head, ...texts].join(`\n${"-".repeat(72)}\n\n`),
      });
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [licences()],
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        entryFileNames: "lab.js",
        assetFileNames: "lab[extname]",
        inlineDynamicImports: true,
      },
    },
  },
});
