import { Worker } from "node:worker_threads";
import { EngineError, messageOf, NotYetError, TerminalError } from "../base/errors.ts";
import { smallWorker } from "../base/memory.ts";
import { workerUrl } from "../base/worker-url.ts";
import type { FromWorker, ProjectionError, QuestionKind, Questions } from "./projection-protocol.ts";

/** A disk that is full has room again when somebody made some. */
const retryAfterMs = 5_000;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The worker that owns the projection's file, as questions and answers. What may be asked again later is rejected with
 * NotYetError; once the worker has died, every question is rejected for good.
 */
export class ProjectionLink implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #number = 0;
  #dead: EngineError | undefined;

  constructor(path: string) {
    this.#worker = new Worker(workerUrl(import.meta.url, "projection-worker"), {
      workerData: { path },
      execArgv: [],
      resourceLimits: smallWorker,
    });
    this.#worker.on("message", (message: FromWorker) => this.#settle(message));
    this.#worker.on("error", (error) => this.#die(messageOf(error)));
    this.#worker.on("exit", () => this.#die("its worker has ended"));
  }

  ask<K extends QuestionKind>(
    kind: K,
    ask: Questions[K]["ask"],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Questions[K]["answer"]> {
    if (this.#dead) return Promise.reject(this.#dead);
    this.#number += 1;
    const number = this.#number;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(number, { resolve, reject });
    this.#worker.postMessage({ number, kind, ask }, [...transfer]);
    return promise as Promise<Questions[K]["answer"]>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#dead) await this.ask("close", {}).catch(() => undefined);
    await this.#worker.terminate();
  }

  #settle(message: FromWorker): void {
    const waiting = this.#waiting.get(message.number);
    this.#waiting.delete(message.number);
    if ("answer" in message) waiting?.resolve(message.answer);
    else waiting?.reject(errorOf(message.error));
  }

  #die(reason: string): void {
    this.#dead ??= new EngineError("STORE_FAILED", `the projection of the ledger is closed: ${reason}`);
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }
}

function errorOf({ is, message }: ProjectionError): EngineError {
  if (is === "too new") return new TerminalError("RECORD_TOO_NEW", message);
  return is === "passing"
    ? new NotYetError("STORE_FAILED", message, retryAfterMs)
    : new EngineError("STORE_FAILED", message);
}
