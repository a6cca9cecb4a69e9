import { applicationPartition } from "../../src/controllers/applications/application-partition.ts";
import type { AuditEvent } from "../../src/local/audit.ts";
import type { Asked } from "./fleet-orders.ts";
import type { Holding } from "./lease-order.ts";

/** Bus and API are two servers, and each notes a time of its own; both are on this machine. */
const skewMs = 5;

/**
 * Writes to Applications, and to the objects of their names, by an engine that did not have the Application's lease when
 * the API was asked. Each a sentence.
 */
export function writesOfOthers(
  log: readonly AuditEvent[],
  holdings: ReadonlyMap<string, readonly Holding[]>,
  asked: readonly Asked[],
): readonly string[] {
  return log.flatMap(({ userAgent = "", objectRef, verb, requestReceivedTimestamp, responseStatus }) => {
    const engine = /\(engine ([^)]+)\)/.exec(userAgent)?.[1];
    const { name = "", resource = "" } = objectRef ?? {};
    const isOurs = /^app-\d+(-cleanup)?$/.test(name) && ["applications", "configmaps", "jobs"].includes(resource);
    // What was refused changed nothing.
    if (engine === undefined || !isOurs || responseStatus.code >= 400) return [];
    const at = Date.parse(requestReceivedTimestamp);
    // What people ask for is written by the engine that they ask; that is no reconcile.
    const isAsked = asked.some((one) => one.engineId === engine && one.name === name && one.from <= at && at <= one.to);
    if (isAsked && resource === "applications" && objectRef?.subresource === undefined) return [];
    const held = holdings.get(`applications/${applicationPartition(`argocd/${name.replace("-cleanup", "")}`)}`) ?? [];
    const owners = ownersAround(held, at);
    if (owners.includes(engine)) return [];
    return [
      `${engine} asked to ${verb} ${resource} ${name} at ${requestReceivedTimestamp}, owned by ${owners.join(", ")}`,
    ];
  });
}

/** Who had it at that moment, give or take what clocks and the two servers differ. */
function ownersAround(held: readonly Holding[], at: number): readonly string[] {
  const first = held.findLastIndex((holding) => holding.at <= at - skewMs);
  return held.slice(Math.max(0, first)).flatMap((one) => (one.at <= at + skewMs ? [one.owner ?? "nobody"] : []));
}

/** Hooks of these names that were not made exactly once. Each a sentence. */
export function hooksNotOnce(log: readonly AuditEvent[], names: readonly string[], when: string): readonly string[] {
  const made = new Map<string, string[]>();
  for (const { objectRef, responseStatus, requestURI, requestReceivedTimestamp, userAgent = "" } of log) {
    const isMade = responseStatus.code === 201 && !requestURI.includes("dryRun=");
    if (objectRef?.resource !== "jobs" || !isMade) continue;
    const { name = "" } = objectRef;
    made.set(name, [...(made.get(name) ?? []), `${requestReceivedTimestamp} by ${userAgent}`]);
  }
  return names.flatMap((name) => {
    const runs = made.get(name) ?? [];
    return runs.length === 1 ? [] : [`${when}: the hook ${name} ran ${runs.length} times: ${runs.join(", ")}`];
  });
}
