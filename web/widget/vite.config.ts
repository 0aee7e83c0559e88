/** Two builds into dist/: qiantai.js, which any site embeds with one script tag, and the small page around it. */
import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** The widget's styles once more as qiantai.css, for browsers that know no constructed sheets; src/style.ts has the order. */
function sheetAsFile(): Plugin {
  return {
    name: "sheet-as-file",
    generateBundle() {
      const order = [...readFileSync("src/style.ts", "utf8").matchAll(/"\.\/style\/(\w+\.css)\?inline"/gu)];
      const source = order.map(([, name]) => readFileSync(`src/style/${name}`, "utf8")).join("\n");
      this.emitFile({ type: "asset", fileName: "qiantai.css", source });
    },
  };
}

export default defineConfig(({ mode }) => {
  const page = mode === "page";
  return {
    plugins: page ? [] : [sheetAsFile()],
    publicDir: page ? false : "public",
    build: {
      // in-app browsers of banks and messengers lag: nothing newer than these understands is left in the output
      target: ["chrome87", "safari15", "firefox90"],
      emptyOutDir: !page,
      reportCompressedSize: true,
      lib: {
        entry: page ? "src/page/page.ts" : "src/index.ts",
        name: page ? "qiantaiPage" : "qiantai",
        formats: ["iife"], // a classic script knows its own address (document.currentScript); a module does not
        fileName: () => (page ? "page.js" : "qiantai.js"),
        cssFileName: "page",
      },
    },
  };
});
