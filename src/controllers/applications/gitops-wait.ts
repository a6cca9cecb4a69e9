import { objectOf, textOf } from "../../api/fields.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { GitOpsRequest, GitOpsWait } from "../../events/triggers/gitops-request.ts";
import { readTime } from "../../gitops/reconcile/timestamps.ts";
import type { KubeObject } from "../../objects/object.ts";
import { requestsOf } from "./operation-progress.ts";

interface WaitDeps {
  readonly read: () => Promise<KubeObject>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const pollMs = 500;
/** An end that changes nothing of the status is not written: so long a newer comparison is waited for. */
const settleMs = 3_000;

/**
 * Waits for the operation that came from the request, then for what the Application is to be. Polls: the user of a Sensor
 * may read the Application, but need not have the right to watch.
 * @throws EngineError SYNC_FAILED when it failed or took too long, SYNC_TERMINATED when another one took its place
 */
export async function waitForOutcome(request: GitOpsRequest, wait: GitOpsWait, deps: WaitDeps): Promise<string> {
  const { clock, signal } = deps;
  const name = `${request.application.namespace}/${request.application.name}`;
  const end = clock.now() + wait.timeoutMs;
  let progress: Progress = { what: "has not begun", overSince: undefined, hasBegun: false };
  for (;;) {
    const answer = look(await deps.read(), { request, wait, progress, now: clock.now(), name });
    if (typeof answer === "string") return answer;
    progress = answer;
    if (clock.now() >= end) {
      const text = `Application ${name}: the ${request.operation} ${progress.what} after ${wait.timeoutMs / 1_000} s`;
      throw new EngineError("SYNC_FAILED", text);
    }
    await sleepFor(clock, Math.min(pollMs, end - clock.now()), signal);
  }
}

interface Progress {
  /** For people, if it is the last. */
  readonly what: string;
  /** When its operation was seen to be over. */
  readonly overSince: number | undefined;
  readonly hasBegun: boolean;
}

interface Looking {
  readonly request: GitOpsRequest;
  readonly wait: GitOpsWait;
  readonly progress: Progress;
  readonly now: number;
  readonly name: string;
}

/** The message when all is as it was waited for. Pure. */
function look(object: KubeObject, looking: Looking): string | Progress {
  const { request, wait, progress, now, name } = looking;
  const status = objectOf(object.status as JsonValue | undefined);
  const state = objectOf(status.operationState);
  const isOurs = requestsOf(objectOf(state.operation)).includes(request.key);
  if (!isOurs && !progress.hasBegun) return progress;
  if (isOurs && !isOver(state, looking)) return { what: "is in progress", overSince: undefined, hasBegun: true };
  // Where another operation took its place, what the Application is to be shows whether that one did as well.
  if (!isOurs && progress.overSince === undefined && wait.until === "operation") {
    throw new EngineError("SYNC_TERMINATED", `Application ${name}: another operation took the place of this one`);
  }
  const overSince = progress.overSince ?? now;
  const sync = textOf(objectOf(status.sync).status);
  const health = textOf(objectOf(status.health).status);
  const isNewer = (readTime(status.reconciledAt) ?? 0) >= (readTime(state.finishedAt) ?? 0);
  const isSettled = wait.until === "operation" || isNewer || now - overSince >= settleMs;
  const verb = request.operation === "sync" ? "synced" : "rolled back";
  if (isSettled && isReached(looking, sync, health)) return `Application ${name} ${verb}: it is ${sync}, ${health}`;
  return { what: `is over, but it is ${sync}, ${health}`, overSince, hasBegun: true };
}

/** @throws EngineError SYNC_FAILED */
function isOver({ phase, message }: JsonObject, { request, name }: Looking): boolean {
  if (phase !== "Failed" && phase !== "Error") return phase === "Succeeded";
  throw new EngineError("SYNC_FAILED", `Application ${name}: the ${request.operation} ended: ${textOf(message)}`);
}

function isReached({ request, wait }: Looking, sync: string, health: string): boolean {
  const isDryRun = request.sync?.dryRun === true || request.rollback?.dryRun === true;
  if (wait.until === "operation" || isDryRun) return true;
  // After a rollback it differs from what Git says now.
  const isAsItShould = sync === "Synced" || request.operation === "rollback";
  return isAsItShould && (wait.until === "synced" || health === "Healthy");
}
