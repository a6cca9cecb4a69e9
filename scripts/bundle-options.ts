import type { BuildOptions } from "esbuild";

/** What the program's JavaScript may ask of Node.js: for the bundle, and for the test of it. */
export const bundleOptions = {
  format: "esm",
  platform: "node",
  target: "node24",
  // Node.js 24 has it. What esbuild makes of it in a loop throws the error of one turn again at the end of each that follows.
  supported: { using: true },
} as const satisfies BuildOptions;
