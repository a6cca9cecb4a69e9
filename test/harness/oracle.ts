import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { messageOf } from "../../src/base/errors.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { buildOracle, oraclePath } from "./oracle-build.ts";

/** What the original of a dialect says. */
export type OracleAnswer = { readonly ok: JsonValue } | { readonly error: string };

/** The originals of our dialects (`test/oracle`), in a process of their own. */
export interface Oracle extends AsyncDisposable {
  /** Fields beside `dialect` are the dialect's own. Answers come in the order of the questions. */
  ask(request: { readonly dialect: string } & Readonly<Record<string, unknown>>): Promise<OracleAnswer>;
}

/** Why tests that ask the originals are skipped; in CI they have to be there. */
export function oracleMissing(): string | undefined {
  try {
    buildOracle();
    return undefined;
  } catch (error) {
    if (process.env.CI === "true") throw new Error(`CI needs Go and the oracle: ${messageOf(error)}`);
    return `no oracle: ${messageOf(error).slice(0, 200)}`;
  }
}

export function startOracle(): Oracle {
  const child = spawn(oraclePath(), { stdio: ["pipe", "pipe", "ignore"] });
  const waiting: PromiseWithResolvers<string>[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => waiting.shift()?.resolve(line));
  lines.on("close", () => {
    for (const { reject } of waiting.splice(0)) reject(new Error("the oracle ended"));
  });
  const ended = once(child, "exit");
  return {
    async ask(request) {
      const answer = Promise.withResolvers<string>();
      waiting.push(answer);
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return JSON.parse(await answer.promise) as OracleAnswer;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}

const askedAtOnce = 25;

/** CI asks the same each time; elsewhere chance looks for what is still different. */
const chosen = process.env.CI ? { seed: 1 } : {};

/**
 * Checks `same` for `numRuns` values of `cases`, or a few more. Many are asked at once, since for one answer the change of
 * process takes longer than the answer.
 */
export async function assertSameOfEach<Case>(
  cases: fc.Arbitrary<Case>,
  same: (one: Case) => Promise<void>,
  { numRuns }: { readonly numRuns: number },
): Promise<void> {
  const together = fc.tuple(...Array.from({ length: askedAtOnce }, () => cases));
  const property = fc.asyncProperty(together, async (all) => {
    await Promise.all(all.map(same));
  });
  await fc.assert(property, { ...chosen, numRuns: Math.ceil(numRuns / askedAtOnce) });
}
