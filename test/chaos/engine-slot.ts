import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import { tempDir } from "../harness/temp-dir.ts";

/** The place of one engine: whatever is killed there starts again on the same data directory. */
export interface EngineSlot extends AsyncDisposable {
  /** Undefined while none is there. */
  readonly webhookUrl: string | undefined;
  readonly pid: number;
  readonly dataDir: string;
  /** How its leases name it. */
  readonly engineId: string;
  /** When it stood still, in milliseconds since 1970. */
  readonly pauses: readonly { readonly from: number; readonly to: number }[];
  /** SIGSTOP, `work`, SIGCONT. */
  whilePaused(work: () => Promise<void>): Promise<void>;
  /** What it wrote, over all starts. */
  output(): string;
  start(): Promise<void>;
  kill9(): Promise<void>;
  /** Starts one and kills it `afterMs` later, ready or not. */
  killStarting(afterMs: number): Promise<void>;
  /** In order; gives the exit code. */
  stop(): Promise<number | null>;
}

export interface SlotOptions {
  readonly dir: string;
  readonly args: readonly string[];
}

/** Starts the first engine. */
export async function openEngineSlot({ dir, args }: SlotOptions): Promise<EngineSlot> {
  await using stack = new AsyncDisposableStack();
  const dataDir = join(stack.use(await tempDir()).path, "data");
  const outputs: (() => string)[] = [];
  const pauses: { from: number; to: number }[] = [];
  let engine: RunningEngine | undefined;
  const start = async (): Promise<void> => {
    const started = await startEngine({ dir, dataDir, args });
    outputs.push(() => started.output);
    engine = started;
  };
  await start();
  stack.defer(async () => engine?.[Symbol.asyncDispose]());
  const owned = stack.move();
  return {
    get webhookUrl() {
      return engine && `${engine.endpoints.ingress}/webhooks/default/numbers/push`;
    },
    get pid() {
      return engine?.pid ?? 0;
    },
    dataDir,
    engineId: (await readFile(join(dataDir, "engine-id"), "utf8")).slice(0, 16),
    pauses,
    async whilePaused(work) {
      const pid = engine?.pid ?? 0;
      process.kill(pid, "SIGSTOP");
      const from = Date.now();
      try {
        await work();
      } finally {
        pauses.push({ from, to: Date.now() });
        process.kill(pid, "SIGCONT");
      }
    },
    output: () => outputs.map((output) => output()).join(""),
    start,
    async kill9() {
      const killed = engine;
      engine = undefined;
      await killed?.kill9();
    },
    async killStarting(afterMs) {
      let timer: NodeJS.Timeout | undefined;
      const onSpawn = (pid: number): void => {
        timer = setTimeout(() => process.kill(pid, "SIGKILL"), afterMs);
      };
      try {
        await (await startEngine({ dir, dataDir, args, onSpawn })).kill9();
      } catch {
        // Killed before it was ready.
      } finally {
        clearTimeout(timer);
      }
    },
    async stop() {
      const stopped = engine;
      engine = undefined;
      return (await stopped?.stop()) ?? null;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
