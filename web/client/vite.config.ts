// Two uses: `vite build` makes the one ES module that the Python package serves, `vitest` runs the tests.
import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

const STATIC = fileURLToPath(new URL("../../src/headrace/static/headrace", import.meta.url));

export default defineConfig({
  build: {
    lib: { entry: "src/index.ts", formats: ["es"], fileName: () => "client.js" },
    outDir: STATIC,
    emptyOutDir: false, // the folder holds other files of the package
    target: "es2022",
    minify: "oxc",
  },
  test: { include: ["test/**/*.test.{ts,tsx}"] },
});
