import { textOf } from "../../api/fields.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { isJsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { operationStateOf } from "./application.ts";

export interface FollowDeps {
  readonly read: () => Promise<KubeObject>;
  /** Each state that was read, the last one included. */
  readonly seen: (application: KubeObject) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Undefined: as long as it takes. */
  readonly timeoutMs?: number;
}

/** An answer comes from the engine's memory: asking often is cheap. */
const pollMs = 100;

/**
 * Reads until the operation that `started` carries has finished. What was read from before it started is left out: the
 * engine's memory may lag behind its own write. Undefined: the time is over.
 */
export async function followOperation(started: KubeObject, deps: FollowDeps): Promise<KubeObject | undefined> {
  const { read, seen, clock, signal, timeoutMs } = deps;
  const deadline = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() + timeoutMs;
  for (;;) {
    const application = await read();
    if (isSince(application, started)) {
      seen(application);
      if (hasFinished(application)) return application;
    }
    if (clock.monotonicMs() >= deadline) return undefined;
    await sleepFor(clock, pollMs, signal);
  }
}

/** The time of an end is also set while a retry waits: then `operation` is still there. */
function hasFinished(application: KubeObject): boolean {
  return !isJsonObject(application.operation) && textOf(operationStateOf(application)?.finishedAt) !== "";
}

/** Versions of every API that there is are numbers; of any other nothing can be said. */
function isSince(application: KubeObject, started: KubeObject): boolean {
  const isBefore = Number(application.metadata.resourceVersion) < Number(started.metadata.resourceVersion);
  return !isBefore;
}
