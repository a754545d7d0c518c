// The page of the server: `vite build` puts it where Django serves it, `vite` serves it in front of a running Headrace.
import { fileURLToPath } from "node:url";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** KaTeX's stylesheet names each font in three formats. Every browser that runs the page reads the first. */
const woff2Only: Plugin = {
  name: "woff2-only",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("katex") || !/\.css($|\?)/.test(id)) return null;
    return code.replace(/,\s*url\([^)]+\.(woff|ttf)\)\s*format\("(woff|truetype)"\)/g, "");
  },
};

export default defineConfig({
  base: "/static/headrace/app/",
  plugins: [woff2Only, react(), tailwindcss()],
  resolve: {
    alias: {
      "@headrace/client": here("../client/src/index.ts"),
      // its version for browsers parses by DOMParser, whose style attributes the page's policy reports
      "hast-util-from-html-isomorphic": here("../node_modules/hast-util-from-html-isomorphic/index.js"),
    },
  },
  build: {
    outDir: here("../../src/headrace/static/headrace/app"),
    emptyOutDir: true,
    assetsInlineLimit: 0, // the page's policy allows no data: but for images
    target: "es2022",
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8000", "/static/headrace/icon.svg": "http://127.0.0.1:8000" } },
  test: { include: ["test/**/*.test.{ts,tsx}"] },
});
