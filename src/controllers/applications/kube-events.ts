import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { isTerminalPhase } from "../../gitops/reconcile/operation-state.ts";
import type { KubeObject } from "../../objects/object.ts";
import { revisionsIn } from "./operation-progress.ts";

/** What an Event of Kubernetes says of an Application. */
export interface KubeEventText {
  readonly type: "Normal" | "Warning";
  readonly reason: "OperationStarted" | "OperationCompleted" | "ResourceUpdated" | "StatusRefreshed";
  readonly message: string;
}

/** As much as the API takes. */
const maxMessage = 1_024;

/**
 * What came about between two states of one Application (spec argo-cd-engine 1.10, 2.9), in the order of cause and effect.
 * Turns only: a look that finds what was known says nothing.
 */
export function kubeEventsBetween(before: KubeObject, after: KubeObject): readonly KubeEventText[] {
  if (before.metadata.uid !== after.metadata.uid) return [];
  const [was, is] = [statusOf(before), statusOf(after)];
  const turns = [
    ...operationTurns(objectOf(was.operationState), objectOf(is.operationState)),
    ...stateTurn("sync", objectOf(was.sync), objectOf(is.sync)),
    ...stateTurn("health", objectOf(was.health), objectOf(is.health)),
    ...deletionTurn(was, is),
  ];
  return turns.map((turn) => ({ ...turn, message: turn.message.slice(0, maxMessage) }));
}

function statusOf({ status }: KubeObject): JsonObject {
  return objectOf(status as JsonValue | undefined);
}

function operationTurns(was: JsonObject, is: JsonObject): readonly KubeEventText[] {
  const isAnother = is.startedAt !== undefined && is.startedAt !== was.startedAt;
  const isNew = isAnother || (isTerminalPhase(was.phase) && is.phase !== undefined && !isTerminalPhase(is.phase));
  const hasEnded =
    isTerminalPhase(is.phase) && (isNew || !isTerminalPhase(was.phase) || was.finishedAt !== is.finishedAt);
  return [
    ...(isNew
      ? [{ type: "Normal", reason: "OperationStarted", message: begunText(objectOf(is.operation)) } as const]
      : []),
    ...(hasEnded ? [endedTurn(is)] : []),
  ];
}

function begunText(operation: JsonObject): string {
  const { username, automated } = objectOf(operation.initiatedBy);
  const revisions = revisionsIn(objectOf(operation.sync)).join(", ");
  const target = revisions === "" ? "" : ` to '${revisions}'`;
  return automated === true
    ? `Initiated automated sync${target}`
    : `${textOf(username) || "Somebody"} initiated sync${target}`;
}

function endedTurn({ operation, phase, message, syncResult }: JsonObject): KubeEventText {
  const sync = objectOf(objectOf(operation).sync);
  const resolved = revisionsIn(objectOf(syncResult));
  const revisions = (resolved.length > 0 ? resolved : revisionsIn(sync)).join(", ");
  const kind = listOf(sync.resources).length > 0 ? "Partial sync operation" : "Sync operation";
  const what = revisions === "" ? kind : `${kind} to ${revisions}`;
  return phase === "Succeeded"
    ? { type: "Normal", reason: "OperationCompleted", message: `${what} succeeded` }
    : { type: "Warning", reason: "OperationCompleted", message: `${what} failed: ${textOf(message)}` };
}

function stateTurn(name: "sync" | "health", was: JsonObject, is: JsonObject): readonly KubeEventText[] {
  const [from, to] = [textOf(was.status), textOf(is.status)];
  if (from === to) return [];
  const more = name === "health" && textOf(is.message) !== "" ? ` (${textOf(is.message)})` : "";
  return [{ type: "Normal", reason: "ResourceUpdated", message: `Updated ${name} status: ${from} -> ${to}${more}` }];
}

function deletionTurn(was: JsonObject, is: JsonObject): readonly KubeEventText[] {
  const message = deletionError(is);
  if (message === "" || message === deletionError(was)) return [];
  return [
    { type: "Warning", reason: "StatusRefreshed", message: `Unable to delete application resources: ${message}` },
  ];
}

function deletionError({ conditions }: JsonObject): string {
  const found = listOf(conditions)
    .map(objectOf)
    .find(({ type }) => type === "DeletionError");
  return textOf(found?.message);
}
