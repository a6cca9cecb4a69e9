import { Worker } from "node:worker_threads";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { Slots } from "../../base/slots.ts";
import { workerUrl } from "../../base/worker-url.ts";
import { type HelmIndex, notAnIndex, parseHelmIndex } from "./helm-index.ts";

/** What the worker is given. */
export interface IndexQuestion {
  readonly body: Uint8Array;
  readonly repository: string;
}

export type IndexAnswer = { readonly index: HelmIndex } | { readonly problem: string };

export interface IndexReaderDeps {
  /** For those that are read apart: each takes a processor and much memory. */
  readonly places: Slots;
  readonly timeoutMs: number;
  /** Of what reads it. */
  readonly maxMebibytes: number;
}

/** Read at once: it takes some milliseconds. */
const maxHereBytes = 64 * 1024;

/**
 * The index that a server sent. Large ones are read in a thread of their own, which is ended when it takes too much: one of
 * 100 MiB would keep everything else waiting for a minute.
 * @throws EngineError REPOSITORY_FAILED, TOOL_TIMEOUT
 */
export async function readHelmIndex(
  body: Buffer,
  repository: string,
  { places, timeoutMs, maxMebibytes }: IndexReaderDeps,
  signal: AbortSignal,
): Promise<HelmIndex> {
  if (body.length <= maxHereBytes) return parseHelmIndex(body.toString("utf8"), repository);
  using _place = await places.take(signal);
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await readApart({ body, repository }, maxMebibytes, AbortSignal.any([signal, late]));
    if ("index" in answer) return answer.index;
    throw new EngineError("REPOSITORY_FAILED", answer.problem);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError) throw error;
    if (late.aborted) {
      const message = `the index.yaml of "${repository}" could not be read within ${timeoutMs / 1000} s`;
      throw new EngineError("TOOL_TIMEOUT", message);
    }
    const isTooMuch = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
    const why = isTooMuch ? `reading it takes more than the ${maxMebibytes} MiB allowed` : messageOf(error);
    throw notAnIndex(repository, why);
  }
}

async function readApart(question: IndexQuestion, maxMebibytes: number, stop: AbortSignal): Promise<IndexAnswer> {
  stop.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<IndexAnswer>();
  const worker = new Worker(workerUrl(import.meta.url, "helm-index-worker"), {
    workerData: question,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: maxMebibytes },
  });
  const onStop = (): void => reject(stop.reason);
  stop.addEventListener("abort", onStop, { once: true });
  worker.once("message", resolve);
  worker.once("error", reject);
  worker.once("exit", (code) => reject(new Error(`its reader ended with code ${code}`)));
  try {
    return await promise;
  } finally {
    stop.removeEventListener("abort", onStop);
    await worker.terminate();
  }
}
