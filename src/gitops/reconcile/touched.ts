import { type ResourceResult, type SyncProgress, type TaskRun, taskRunKey } from "../sync/sync.ts";

/** An object that a sync wrote, removed or ran as a hook, as records keep it. */
export interface TouchedObject {
  /** `apiVersion/kind/namespace/name` */
  readonly object: string;
  readonly status: string;
  readonly phase: string;
  readonly hook?: string;
  /** Why it failed; cut at 256 characters. */
  readonly message?: string;
  /** With `startedAt`: of this process only, since a restart forgets them. */
  readonly wave?: number;
  /** Milliseconds since 1970. */
  readonly startedAt?: number;
  /** Applied and, where the sync waited for that, healthy or completed. */
  readonly endedAt?: number;
}

const maxMessage = 256;

/** What a sync did, for records: in the order of its plan. */
export function touchedBy({ resources, runs }: Pick<SyncProgress, "resources" | "runs">): readonly TouchedObject[] {
  return resources.map((result) => touched(result, runs?.get(taskRunKey(result.syncPhase, keyIn(result)))));
}

function touched(result: ResourceResult, run: TaskRun | undefined): TouchedObject {
  const { group, version, kind, namespace, name, status, syncPhase, hookType, hookPhase, message } = result;
  const parts = [group ? `${group}/${version}` : version, kind, ...(namespace ? [namespace] : []), name];
  const hasFailed = status === "SyncFailed" || hookPhase === "Failed" || hookPhase === "Error";
  return {
    object: parts.join("/"),
    status,
    phase: syncPhase,
    ...(hookType === undefined ? {} : { hook: hookType }),
    ...(hasFailed && message !== "" ? { message: message.slice(0, maxMessage) } : {}),
    ...run,
  };
}

function keyIn({ group, kind, namespace, name }: ResourceResult) {
  return { group, kind, namespace, name };
}
