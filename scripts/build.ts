import { globSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build, type Plugin } from "esbuild";
import packageJson from "../package.json" with { type: "json" };
import { bundleOptions } from "./bundle-options.ts";

// Writes the publishable JavaScript to dist/: the command line with its chunks, and every worker beside it,
// where src/base/worker-url.ts looks for it. Small JSON is bundled. Nothing is minified: stacks stay readable.

const { peerDependencies } = packageJson;
const root = join(import.meta.dirname, "..");
const outdir = join(root, "dist");
const entryPoints: Record<string, string> = { tiphys: join(root, "src/cli/main.ts") };
for (const file of globSync("src/**/*-worker.ts", { cwd: root })) {
  const name = basename(file, ".ts");
  if (entryPoints[name] !== undefined) throw new Error(`two workers are called "${name}": dist/ is flat`);
  entryPoints[name] = join(root, file);
}

/** What is part of a module's text is kept in memory with it, also when nobody asks for it. */
const maxBundledJson = 16 * 1024;

/** Larger JSON lies beside the bundle, read when it is imported or required, and its text forgotten then. */
const largeJson: Plugin = {
  name: "large JSON",
  setup({ onResolve, resolve }) {
    const copied = new Map<string, string>();
    onResolve({ filter: /\.json$/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === largeJson) return undefined; // asked below
      const found = await resolve(path, { ...from, pluginData: largeJson });
      if (found.errors.length > 0 || (await stat(found.path)).size <= maxBundledJson) return undefined;
      const name = basename(found.path);
      if ((copied.get(name) ?? found.path) !== found.path)
        throw new Error(`two files are called "${name}": dist/ is flat`);
      copied.set(name, found.path);
      await copyFile(found.path, join(outdir, name));
      return { path: `./${name}`, external: true };
    });
  },
};

await rm(outdir, { recursive: true, force: true });
await mkdir(outdir);
const result = await build({
  ...bundleOptions,
  entryPoints,
  outdir,
  bundle: true,
  splitting: true,
  chunkNames: "[name]-[hash]",
  legalComments: "linked",
  logLevel: "warning",
  metafile: true,
  plugins: [largeJson],
  external: Object.keys(peerDependencies), // who needs one installs it beside the program
  // CommonJS packages inside the bundle call require() for Node's own modules.
  banner: {
    js: 'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);',
  },
});
await chmod(join(outdir, "tiphys.js"), 0o755);

/** One letter beyond Latin-1, and V8 keeps the whole file as two bytes a letter. esbuild leaves them in comments, and in regexes. */
for (const path of Object.keys(result.metafile.outputs).filter((path) => path.endsWith(".js"))) {
  const text = await readFile(path, "utf8");
  const plain = text.replace(/(?:^\s*(?:\/\/|\/?\*)|[ ,;(){}&|]\/\/ ).*$/gm, (comment) =>
    comment.replace(/[^\p{ASCII}]/gu, "?"),
  );
  if (plain !== text) await writeFile(path, plain);
}

// Beside the bundle, where src/base/lua/lua.ts looks for it.
await copyFile(join(root, "node_modules/wasmoon-lua5.1/dist/liblua5.1.wasm"), join(outdir, "liblua5.1.wasm"));

let bytes = 0;
for (const output of Object.values(result.metafile.outputs)) bytes += output.bytes;
const count = Object.keys(result.metafile.outputs).length;
console.log(`dist/: ${count} files, ${Math.round(bytes / 1024)} KiB, ${Object.keys(entryPoints).join(", ")}`);
