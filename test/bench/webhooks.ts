import { execFile, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { type Bench, type BenchRow, inRounds } from "./bench.ts";
import { body, postMany } from "./load.ts";

/** Requests that a source takes in, against a bare handler that reads and parses; each in a process of its own. */
export const webhookBenches: readonly Bench[] = [{ name: "webhook", run: webhookRows }];

interface Server extends AsyncDisposable {
  readonly url: string;
  /** For how long it has waited for a processor so far, in milliseconds. */
  waited(): Promise<number>;
}

async function startServer(kind: "bare" | "webhook" | "hmac"): Promise<Server> {
  const args = [join(import.meta.dirname, "webhook-server.ts"), kind];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the ${kind} server ended`);
    return value;
  };
  return {
    url: await nextLine(),
    async waited() {
      child.stdin.write("?\n");
      return Number(await nextLine());
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await once(child, "close");
    },
  };
}

/** Requests per second, as many as 64 connections give. */
async function postRate(url: string, amount: number): Promise<number> {
  const started = performance.now();
  const endedAt = await postMany({ url, amount, connections: 64, headers: signed });
  return (amount / (endedAt - started)) * 1_000;
}

const signed = { "x-signature": createHmac("sha256", "swordfish").update(body).digest("hex") };

const run = promisify(execFile);

interface Paced {
  /** Milliseconds at a steady rate, from when a request was due to its answer. */
  readonly p99: number;
  /** How late requests left: above that it is the server that is measured. */
  readonly ownP99: number;
  /** Per cent of the time for which the server and who asks it waited for a processor: it is in both times above. */
  readonly waited: number;
}

async function paced(server: Server, rate: number, seconds: number): Promise<Paced> {
  const pacer = join(import.meta.dirname, "pacer.ts");
  const args = [pacer, server.url, String(rate), String(seconds), JSON.stringify(signed), body];
  const before = await server.waited();
  const startedAt = performance.now();
  const { stdout } = await run(process.execPath, args);
  const lasted = performance.now() - startedAt;
  const { sent, failed, ...times } = JSON.parse(stdout) as Paced & { readonly sent: number; readonly failed: number };
  if (failed > 0) throw new Error(`${failed} of ${sent} were not answered 200`);
  return { ...times, waited: (100 * (times.waited + (await server.waited()) - before)) / lasted };
}

async function webhookRows({ quick }: { readonly quick: boolean }): Promise<readonly BenchRow[]> {
  await using bare = await startServer("bare");
  await postRate(bare.url, 2_000);
  const rows: BenchRow[] = [];
  for (const [name, kind] of [
    ["webhook in", "webhook"],
    ["webhook in, HMAC", "hmac"],
  ] as const) {
    await using source = await startServer(kind);
    await postRate(source.url, 2_000);
    rows.push(...(await inRounds(quick ? 1 : 3, () => webhookRound(name, source, bare, quick))));
  }
  return rows;
}

async function webhookRound(name: string, source: Server, bare: Server, quick: boolean): Promise<readonly BenchRow[]> {
  const amount = quick ? 2_000 : 20_000;
  const seconds = quick ? 2 : 10;
  const value = await postRate(source.url, amount);
  const limit = await postRate(bare.url, amount);
  const half = Math.round(value / 2);
  const ours = await paced(source, half, seconds);
  const theirs = await paced(bare, half, seconds);
  const row = (what: string, key: keyof Paced, unit: string) => {
    const [own, other] = [ours[key], theirs[key]];
    return { name: `${name}, ${what}`, value: own, limit: other, ratio: own / other, unit };
  };
  return [
    { name, value, unit: "events/s", limit, ratio: value / limit, leastRatio: 0.5 },
    { ...row("p99 at half load", "p99", "ms"), budget: 20 },
    { ...row("p99 of how late requests left", "ownP99", "ms"), budget: 20 },
    row("time that a processor was waited for", "waited", "%"),
  ];
}
