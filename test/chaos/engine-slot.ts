import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type RunningEngine, startEngine } from "../harness/engine.ts";
import type { RunResult } from "../harness/run.ts";

interface SlotOptions {
  /** Manifests; absent: none. */
  readonly dir?: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The place of one engine: whatever is killed there starts again on the same data directory. */
export class EngineSlot implements AsyncDisposable {
  readonly dataDir: string;
  /** When it stood still, in milliseconds since 1970. */
  readonly pauses: { readonly from: number; readonly to: number }[] = [];
  readonly #options: SlotOptions;
  readonly #started: RunningEngine[] = [];
  #engine: RunningEngine | undefined;

  constructor(dataDir: string, options: SlotOptions) {
    this.dataDir = dataDir;
    this.#options = options;
  }

  /** Undefined while no engine is there. */
  get webhookUrl(): string | undefined {
    return this.#engine && `${this.#engine.endpoints.ingress}/webhooks/default/numbers/push`;
  }

  /** Of the API; undefined while no engine is there. */
  get serverUrl(): string | undefined {
    return this.#engine?.endpoints.server;
  }

  get pid(): number {
    return this.#running().pid;
  }

  get isRunning(): boolean {
    return this.#engine !== undefined;
  }

  /** How its leases name it. */
  get engineId(): string {
    return readFileSync(join(this.dataDir, "engine-id"), "utf8").slice(0, 16);
  }

  /** What it wrote, over all starts. */
  get output(): string {
    return this.#started.map(({ output }) => output).join("");
  }

  async start(): Promise<void> {
    const { dataDir } = this;
    this.#engine = await startEngine({ ...this.#options, dataDir });
    this.#started.push(this.#engine);
  }

  async kill9(): Promise<void> {
    const killed = this.#running();
    this.#engine = undefined;
    await killed.kill9();
  }

  /** Starts one and kills it `afterMs` later, ready or not. */
  async killStarting(afterMs: number): Promise<void> {
    const { dataDir } = this;
    let timer: NodeJS.Timeout | undefined;
    let isKilled = false;
    const onSpawn = (pid: number): void => {
      timer = setTimeout(() => {
        isKilled = process.kill(pid, "SIGKILL");
      }, afterMs);
    };
    try {
      await (await startEngine({ ...this.#options, dataDir, onSpawn })).kill9();
    } catch (error) {
      if (!isKilled) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A request to its API, with the token. */
  api(path: string): Promise<Response> {
    return this.#running().api(path);
  }

  /** A command of `tiphys` against it. */
  cli(args: readonly string[]): Promise<RunResult> {
    return this.#running().cli(args);
  }

  /** SIGSTOP, `work`, SIGCONT. */
  async whilePaused(work: () => Promise<void>): Promise<void> {
    const { pid } = this.#running();
    process.kill(pid, "SIGSTOP");
    const from = Date.now();
    try {
      await work();
    } finally {
      this.pauses.push({ from, to: Date.now() });
      process.kill(pid, "SIGCONT");
    }
  }

  /** In order; gives the exit code. */
  async stop(): Promise<number | null> {
    return await this.#running().stop();
  }

  #running(): RunningEngine {
    if (this.#engine === undefined) throw new Error("no engine is there");
    return this.#engine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine?.[Symbol.asyncDispose]();
  }
}
