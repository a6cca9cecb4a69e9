import { applicationPartition } from "../../src/controllers/applications/application-partition.ts";
import type { AuditEvent } from "../../src/local/audit.ts";
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
): readonly string[] {
  return log.flatMap(({ userAgent = "", objectRef, verb, requestReceivedTimestamp, responseStatus, requestURI }) => {
    const engine = /\(engine ([^)]+)\)/.exec(userAgent)?.[1];
    const { name = "", resource = "" } = objectRef ?? {};
    const isOurs = /^app-\d+$/.test(name) && ["applications", "configmaps", "jobs"].includes(resource);
    // What installs the manifests is no reconcile; what was refused changed nothing.
    if (engine === undefined || !isOurs || responseStatus.code >= 400 || isManifest(requestURI)) return [];
    const at = Date.parse(requestReceivedTimestamp);
    const held = holdings.get(`applications/${applicationPartition(`argocd/${name}`)}`) ?? [];
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

/** What an engine applies of the manifests that it was started with. */
export function isManifest(requestURI: string): boolean {
  return requestURI.includes("/applications/") && requestURI.includes("force=true");
}
