import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../src/base/errors.ts";
import type { JsonValue } from "../../src/base/json.ts";

/** What the original of a dialect says. */
export type OracleAnswer = { readonly ok: JsonValue } | { readonly error: string };

/** The originals of our dialects (`test/oracle`), in a process of their own. */
export interface Oracle extends AsyncDisposable {
  /** Fields beside `dialect` are the dialect's own. Answers come in the order of the questions. */
  ask(request: { readonly dialect: string } & Readonly<Record<string, unknown>>): Promise<OracleAnswer>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

const folder = join(root, ".tools/bin");

/** Of its sources as they are, so that what is built is never asked for what it does not know. */
function binary(): string {
  return join(folder, `oracle-${sourcesDigest().slice(0, 16)}`);
}

/** Once for each state of its sources; renamed into place, so that two test processes may build at once. */
function build(): void {
  const path = binary();
  if (existsSync(path)) return;
  const half = `${path}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  execFileSync("go", ["build", "-trimpath", "-o", half, "."], {
    cwd: join(root, "test/oracle"),
    env: { ...process.env, CGO_ENABLED: "0", PATH: `${process.env.PATH}:/usr/local/go/bin` },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 600_000,
  });
  renameSync(half, path);
}

function sourcesDigest(): string {
  const sources = join(root, "test/oracle");
  const hash = createHash("sha256");
  for (const file of readdirSync(sources).sort()) hash.update(`${file}\n`).update(readFileSync(join(sources, file)));
  return hash.digest("hex");
}

/** Why tests that ask the originals are skipped; in CI they have to be there. */
export function oracleMissing(): string | undefined {
  try {
    build();
    return undefined;
  } catch (error) {
    if (process.env.CI === "true") throw new Error(`CI needs Go and the oracle: ${messageOf(error)}`);
    return `no oracle: ${messageOf(error).slice(0, 200)}`;
  }
}

export function startOracle(): Oracle {
  const child = spawn(binary(), { stdio: ["pipe", "pipe", "ignore"] });
  const waiting: ((line: string) => void)[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.(line));
  const ended = once(child, "exit");
  return {
    async ask(request) {
      const answer = new Promise<string>((resolve) => waiting.push(resolve));
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await Promise.race([answer, ended.then(() => undefined)]);
      if (line === undefined) throw new Error("the oracle ended");
      return JSON.parse(line) as OracleAnswer;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
