import { syncOptionsOf } from "../../api/resource-annotations.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { WriteContext } from "./apply.ts";
import { inPool } from "./in-pool.ts";
import { patiently } from "./patience.ts";
import type { SyncTask } from "./sync.ts";

type Asked = Pick<WriteContext, "kube" | "clock" | "syncOptions" | "signal">;

type Refusal = (task: SyncTask, isNamespaced: boolean) => string | undefined;

const skipOption = "SkipDryRunOnMissingResource=true";

/** Tasks that cannot be: kinds that the cluster does not know, or what the project does not permit. */
export async function invalidMessages(
  tasks: readonly SyncTask[],
  refusal: Refusal,
  context: Asked,
): Promise<ReadonlyMap<SyncTask, string>> {
  const invalid = new Map<SyncTask, string>();
  await inPool(tasks, async (task) => {
    const message = task.problem ?? (await invalidMessage(task, refusal, context));
    if (message !== undefined) invalid.set(task, message);
  });
  return invalid;
}

async function invalidMessage(task: SyncTask, refusal: Refusal, context: Asked): Promise<string | undefined> {
  const object = task.target ?? task.live;
  if (object === undefined) return undefined;
  try {
    const { kube, clock, signal } = context;
    return refusal(task, await patiently(() => kube.isNamespaced(object, signal), clock, signal));
  } catch (error) {
    context.signal.throwIfAborted();
    const isMissing = error instanceof EngineError && error.code === "API_NOT_FOUND";
    if (!isMissing) return messageOf(error);
    // Its CRD comes with this sync, or the user vouches for it.
    return task.skipsDryRun || mayBeMissing(task, context) ? undefined : missingKind(task);
  }
}

/** The user vouches for the kind. */
export function mayBeMissing({ target }: SyncTask, { syncOptions }: Pick<Asked, "syncOptions">): boolean {
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
