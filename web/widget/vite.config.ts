/** Two builds into dist/: qiantai.js, which any site embeds with one script tag, and the small page around it. */
import { defineConfig } from "vite";

export default defineConfig(({ mode }) => {
  const page = mode === "page";
  return {
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
