import { listOf, objectOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { isSameField } from "./compared-to.ts";
import { quarantineAnnotation, quarantined, withQuarantined } from "./quarantine.ts";

/**
 * The operation that goes back to a sync of the history: its sources and revisions, without hooks, with the spec's options
 * (spec argo-cd-engine 4.14).
 * With automated sync the original refuses it; here `withQuarantine` keeps what it leaves from coming back.
 * @throws EngineError SYNC_REFUSED while deleting; DEPLOYMENT_UNKNOWN for an id that is not in the history
 */
export function rollbackOperation(application: KubeObject, body: JsonObject, username: string): JsonObject {
  const spec = isJsonObject(application.spec) ? application.spec : {};
  const policy = objectOf(spec.syncPolicy);
  if (application.metadata.deletionTimestamp !== undefined) refuse("application is deleting");
  if (isJsonObject(application.operation)) refuse("another operation is already in progress");
  const entry = deploymentOf(application, body.id);
  const kept = ["revision", "revisions", "source", "sources"].flatMap((field) => {
    const value = entry[field];
    return value === undefined || value === null ? [] : [[field, value] as const];
  });
  return {
    sync: {
      ...Object.fromEntries(kept),
      dryRun: body.dryRun === true,
      prune: body.prune === true,
      syncStrategy: { apply: {} },
      ...(policy.syncOptions === undefined ? {} : { syncOptions: policy.syncOptions }),
    },
    initiatedBy: { username },
  };
}

/**
 * What automated sync wants now, and the operation goes away from, is not synced again by itself: it goes on with the next
 * revision. The same object where there is nothing to keep back.
 */
export function withQuarantine(application: KubeObject, { sync }: JsonObject): KubeObject {
  const policy = objectOf(objectOf(application.spec as JsonValue | undefined).syncPolicy);
  const isAutomated = isJsonObject(policy.automated) && policy.automated.enabled !== false;
  const wanted = new Set(revisionsIn(sync));
  const status = objectOf(application.status as JsonValue | undefined);
  const left = revisionsIn(status.sync).filter((revision) => !wanted.has(revision));
  if (!isAutomated || objectOf(sync).dryRun === true || left.length === 0) return application;
  const { annotations = {} } = application.metadata;
  const text = withQuarantined(annotations[quarantineAnnotation], left);
  const metadata = { ...application.metadata, annotations: { ...annotations, [quarantineAnnotation]: text } };
  return { ...application, metadata };
}

/**
 * Where a rollback goes that names no deployment: to the newest one of something else than what the last sync was for, failed
 * or not, and of nothing that a rollback went away from. Undefined: there is none.
 */
export function previousDeployment({ metadata, status: written }: KubeObject): JsonObject | undefined {
  const status = objectOf(written as JsonValue | undefined);
  const history = listOf(status.history).map(objectOf);
  const { operation, syncResult } = objectOf(status.operationState);
  const wasTried = objectOf(objectOf(operation).sync).dryRun !== true && isJsonObject(syncResult);
  const left = wasTried ? objectOf(syncResult) : (history.at(-1) ?? {});
  return history.findLast((entry) => {
    const isOther = ["revision", "revisions", "source", "sources"].some(
      (field) => !isSameField(entry[field], left[field]),
    );
    return (
      isOther &&
      quarantined({ metadata: { annotations: metadata.annotations ?? {} } }, revisionsIn(entry)) === undefined
    );
  });
}

function revisionsIn(value: JsonValue | undefined): readonly string[] {
  const { revision, revisions } = objectOf(value);
  return [...listOf(revisions), revision].flatMap((one) => (typeof one === "string" && one !== "" ? [one] : []));
}

/** An entry of the history; the gateway of the original writes long integers as texts. @throws EngineError DEPLOYMENT_UNKNOWN */
export function deploymentOf(application: KubeObject, id: unknown): JsonObject {
  const { name } = application.metadata;
  const status = isJsonObject(application.status) ? application.status : {};
  const wanted = Number(id ?? 0);
  const found = listOf(status.history)
    .map(objectOf)
    .find((entry) => Number(entry.id ?? 0) === wanted);
  if (found !== undefined) return found;
  throw new EngineError(
    "DEPLOYMENT_UNKNOWN",
    `application ${name} does not have deployment id ${String(id)} in history`,
  );
}

function refuse(reason: string): never {
  throw new EngineError("SYNC_REFUSED", reason);
}
