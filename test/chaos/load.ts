import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../harness/wait.ts";
import type { EngineSlot } from "./engine-slot.ts";
import type { Truth } from "./truth.ts";

const senders = 4;
/** Between two posts of one sender: enough load to have many under way, little enough for two cores. */
const postEveryMs = 20;
const publishEveryMs = 15;
/** A stopped engine answers nothing. */
const postTimeoutMs = 12_000;

/** Posts webhooks, each sender to one engine, until `signal` aborts; what was answered 200 is kept. */
export async function postWebhooks(engines: readonly EngineSlot[], truth: Truth, signal: AbortSignal): Promise<void> {
  const send = async (sender: number): Promise<void> => {
    const engine = engines[sender % engines.length];
    while (engine && !signal.aborted) {
      await post(engine, truth, `w${sender}`);
      await sleep(postEveryMs);
    }
  };
  await Promise.all(Array.from({ length: senders }, (_, index) => send(index)));
}

async function post({ webhookUrl }: EngineSlot, truth: Truth, sender: string): Promise<void> {
  if (webhookUrl === undefined) return;
  const n = truth.next(sender);
  try {
    const response = await fetch(webhookUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ n, t: Date.now() }),
      signal: AbortSignal.timeout(postTimeoutMs),
    });
    if (response.status === 200) truth.kept(n);
    await response.body?.cancel();
  } catch {
    // Not answered: it may be kept or not, and both are right.
  }
}

/** A process that publishes on the bus by itself, another one after each kill. */
export interface Publisher extends AsyncDisposable {
  kill9(): Promise<void>;
  start(): Promise<void>;
}

/** Resolves once something it published was acknowledged. */
export async function startPublisher(url: string, name: string, truth: Truth): Promise<Publisher> {
  let generation = 0;
  let child = await startProcess();

  async function startProcess(): Promise<ChildProcess> {
    generation += 1;
    const args = [join(import.meta.dirname, "publisher-process.ts"), url, `${name}-${generation}`];
    const started = spawn(process.execPath, [...args, String(publishEveryMs)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let acknowledged = 0;
    createInterface({ input: started.stdout }).on("line", (n) => {
      acknowledged += 1;
      truth.kept(n);
    });
    await waitFor("the publisher to publish", () => acknowledged > 0, 30_000);
    return started;
  }

  async function kill9(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
  }

  return {
    kill9,
    async start() {
      child = await startProcess();
    },
    [Symbol.asyncDispose]: kill9,
  };
}
