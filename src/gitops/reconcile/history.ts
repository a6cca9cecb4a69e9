import { listOf, objectOf } from "../../api/fields.ts";
import type { Instant } from "../../base/clock.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { timeText } from "./timestamps.ts";

/** Whether a sync that ended belongs into the history: it succeeded, wrote something and was of all objects. */
export function isKeptInHistory(state: JsonObject): boolean {
  const sync = objectOf(objectOf(state.operation).sync);
  return state.phase === "Succeeded" && sync.dryRun !== true && listOf(sync.resources).length === 0;
}

/**
 * `status.history` with the sync of `state` (an operationState) as its newest entry, oldest first; the newest `limit` stay.
 * Ids count on from the last entry.
 */
export function appendHistory(
  history: JsonValue | undefined,
  state: JsonObject,
  limit: number,
  now: Instant,
): readonly JsonObject[] {
  const entries = listOf(history).map(objectOf);
  const lastId = entries.at(-1)?.id;
  const { revision, revisions, source, sources } = objectOf(state.syncResult);
  const { initiatedBy } = objectOf(state.operation);
  const fields = {
    revision,
    revisions,
    source,
    sources,
    deployedAt: timeText(now),
    deployStartedAt: state.startedAt,
    initiatedBy,
  };
  const present = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  const entry = { id: typeof lastId === "number" ? lastId + 1 : 0, ...Object.fromEntries(present) };
  return limit <= 0 ? [] : [...entries, entry].slice(-limit);
}
