#!/usr/bin/env node
// The launcher: plain JavaScript that any Node.js from 20 up can read. It finds a Node.js that can run the program.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const neededMajor = 24;
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(root, "src", "cli", "main.ts");
const program = existsSync(source) ? source : join(root, "dist", "tiphys.js");

if (!existsSync(program)) {
  fail("tiphys: dist/tiphys.js is missing. Run `npm run build`, or install the published package.");
} else if (major(process.version) >= neededMajor) {
  // The program reads its own path from argv[1].
  process.argv[1] = program;
  if (program === source) rememberStripped();
  await import(pathToFileURL(program).href);
} else {
  runWithBroughtNode();
}

/**
 * Types are stripped by a WebAssembly module that takes 40 MiB over all threads, unless the result is there from an
 * earlier start: it is kept in the checkout. Workers find it by the variable.
 */
function rememberStripped() {
  process.env.NODE_COMPILE_CACHE ??= join(root, ".tools", "compile-cache");
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
}

/** The development dependency `node` brings a newer Node.js; a published package leaves that to its user. */
function runWithBroughtNode() {
  const node = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  if (!existsSync(node)) {
    fail(
      `tiphys needs Node.js ${neededMajor} or newer, this is ${process.version}. ` +
        `Install it from https://nodejs.org (in a checkout \`npm ci\` brings it).`,
    );
    return;
  }
  const args = [program, ...process.argv.slice(2)];
  if (process.platform !== "win32" && typeof process.execve === "function") {
    process.execve(node, [node, ...args], process.env);
  } else {
    runAsChild(node, args);
  }
}

/** The child's exit code or signal becomes ours; our signals become the child's. */
function runAsChild(node, args) {
  const child = spawn(node, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => forward(child, signal));
  child.on("error", (error) => fail(`tiphys: ${node} does not start: ${error.message}. Run \`npm ci\` again.`));
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** A terminal sends Ctrl-C to the child itself, and two of them mean "at once": so it is passed on only without one. */
function forward(child, signal) {
  if (signal === "SIGINT" && process.stdin.isTTY) return;
  child.kill(signal);
}

function major(version) {
  return Number(version.slice(1).split(".")[0]);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 2;
}
