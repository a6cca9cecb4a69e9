import { syncOptionsOf } from "../../api/resource-annotations.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { WriteContext } from "./apply.ts";
import type { SyncTask } from "./sync.ts";

type Refusal = (task: SyncTask, isNamespaced: boolean) => string | undefined;

const skipOption = "SkipDryRunOnMissingResource=true";

/** Tasks that cannot be: kinds that the cluster does not know, or what the project does not permit. */
export async function invalidMessages(
  tasks: readonly SyncTask[],
  refusal: Refusal,
  context: WriteContext,
): Promise<ReadonlyMap<SyncTask, string>> {
  const invalid = new Map<SyncTask, string>();
  for (const task of tasks) {
    const message = await invalidMessage(task, refusal, context);
    if (message !== undefined) invalid.set(task, message);
  }
  return invalid;
}

async function invalidMessage(task: SyncTask, refusal: Refusal, context: WriteContext): Promise<string | undefined> {
  const object = task.target ?? task.live;
  if (object === undefined) return undefined;
  try {
    return refusal(task, await context.kube.isNamespaced(object, context.signal));
  } catch (error) {
    context.signal.throwIfAborted();
    const isMissing = error instanceof EngineError && error.code === "API_NOT_FOUND";
    if (!isMissing) return messageOf(error);
    // Its CRD comes with this sync, or the user vouches for it.
    return task.skipsDryRun || mayBeMissing(task, context) ? undefined : missingKind(task);
  }
}

/** The user vouches for the kind. */
export function mayBeMissing({ target }: SyncTask, { syncOptions }: WriteContext): boolean {
  return syncOptions.includes(skipOption) || syncOptionsOf(target?.metadata.annotations ?? {}).includes(skipOption);
}

/** The words by which users of the original know it. */
function missingKind({ key: { group, kind, namespace, name } }: SyncTask): string {
  const resource = namespace === "" ? name : `${namespace}/${name}`;
  return (
    `The Kubernetes API could not find ${group}/${kind} for requested resource ${resource}. ` +
    `Make sure the "${kind}" CRD is installed on the destination cluster.`
  );
}
