import { randomUUID } from "node:crypto";
import { type Clock, isoTime, sleepFor } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { Waiters } from "../../base/waiters.ts";
import { readTime, timeText } from "../../gitops/reconcile/timestamps.ts";
import type { KubeClient, WatchCache } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type KubeEventText, kubeEventsBetween } from "./kube-events.ts";

export interface KubeEventWriterDeps {
  readonly cache: Pick<WatchCache, "onChange">;
  readonly kube: Pick<KubeClient, "create" | "list" | "delete">;
  /** Whether the Application is this engine's to tell of. */
  readonly isOurs: (application: string) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Those that wait to be written; how many more were left out is in the log. */
const maxWaiting = 10_000;
const event = { apiVersion: "v1", kind: "Event" } as const;
const component = "tiphys";
const ownLabels = { "app.kubernetes.io/managed-by": component };
/** As long as a cluster keeps its Events by default; the embedded API keeps them until somebody removes them. */
const keptMs = 3_600_000;
const expiryMs = 600_000;

/**
 * Tells of the turns of our Applications as Events of Kubernetes, in their namespaces, until `signal` aborts. They are for
 * people: each is tried once, and what cannot be written is in the log. Those older than an hour are removed.
 */
export async function writeKubeEvents(deps: KubeEventWriterDeps, signal: AbortSignal): Promise<void> {
  await Promise.all([writeTurns(deps, signal), expireUntil(deps, signal)]);
}

async function writeTurns(deps: KubeEventWriterDeps, signal: AbortSignal): Promise<void> {
  const { cache, isOurs, log } = deps;
  const waiting: KubeObject[] = [];
  const waiters = new Waiters();
  let leftOut = 0;
  const stop = cache.onChange(({ type, object, previous }) => {
    const { namespace, name } = object.metadata;
    if (type !== "set" || previous === undefined || !isOurs(`${namespace}/${name}`)) return;
    for (const text of kubeEventsBetween(previous, object)) {
      if (waiting.length < maxWaiting) waiting.push(eventOf(object, text, deps.clock));
      else leftOut++;
    }
    waiters.wake();
  });
  try {
    while (!signal.aborted) {
      if (leftOut > 0 && waiting.length < maxWaiting) {
        log.warn("Events were left out, too many waited", { count: leftOut });
        leftOut = 0;
      }
      const next = waiting.shift();
      if (next === undefined) await waiters.wait(signal);
      else await write(next, deps, signal);
    }
  } finally {
    stop();
  }
}

async function write(object: KubeObject, { kube, log }: KubeEventWriterDeps, signal: AbortSignal): Promise<void> {
  try {
    await kube.create(object, { fieldManager: component }, signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof EngineError)) throw error;
    log.warn("an Event could not be written", { reason: object.reason, message: object.message, error });
  }
}

function eventOf({ apiVersion, kind, metadata }: KubeObject, text: KubeEventText, clock: Clock): KubeObject {
  const { namespace = "", name = "", uid = "", resourceVersion = "" } = metadata;
  const now = timeText(clock.now());
  return {
    ...event,
    metadata: { name: `${name.slice(0, 200)}.${randomUUID().slice(0, 18)}`, namespace, labels: ownLabels },
    involvedObject: { apiVersion, kind, namespace, name, uid, resourceVersion },
    ...text,
    source: { component },
    reportingComponent: component,
    reportingInstance: "",
    action: text.reason,
    eventTime: isoTime(clock.now()).replace("Z", "000Z"),
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
}

async function expireUntil(deps: KubeEventWriterDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await expire(deps, signal).catch((error: unknown) => {
      if (!signal.aborted) deps.log.warn("old Events could not be removed, will retry", { error });
    });
    await sleepFor(deps.clock, expiryMs, signal).catch(() => undefined);
  }
}

async function expire({ kube, clock }: KubeEventWriterDeps, signal: AbortSignal): Promise<void> {
  const labelSelector = `app.kubernetes.io/managed-by=${component}`;
  const { items } = await kube.list(event, { labelSelector }, signal);
  for (const { metadata, lastTimestamp } of items) {
    const at = readTime(String(lastTimestamp));
    if (at === undefined || at + keptMs > clock.now()) continue;
    const { namespace = "", name = "" } = metadata;
    await kube.delete({ ...event, namespace, name }, {}, signal);
  }
}
