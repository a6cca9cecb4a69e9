import type { Instant } from "../../base/clock.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { ObjectKey } from "../stored-object.ts";
import { type Cluster, isDeleted, metaOf, specOf, statusOf } from "./cluster.ts";
import { type ConditionUpdate, withConditions } from "./conditions.ts";
import { hashOf } from "./pods.ts";
import { readWishes, type Wishes } from "./wishes.ts";

/** What a node would do: a Pod gets ready, or ends if it is not to be restarted, after the time its annotations say. */
export async function reconcilePod(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const pod = cluster.read(key);
  if (pod === undefined || isDeleted(pod)) return {};
  const { status, againAfterMs } = podStatus(pod, cluster.now(), cluster.nowText());
  await cluster.setStatus(key, () => status);
  return againAfterMs === undefined ? {} : { againAfterMs };
}

type Stage = "starting" | "running" | "ready" | "crashing" | "succeeded" | "failed";

/** Pure: the status at `now`. Times of the API have whole seconds, so a Pod may be up to a second early. */
export function podStatus(
  pod: JsonObject,
  now: Instant,
  nowText: string,
): { readonly status: JsonObject; readonly againAfterMs?: number } {
  const old = statusOf(pod);
  if (old.phase === "Succeeded" || old.phase === "Failed") return { status: old };
  const wishes = readWishes(pod);
  const leftMs = Date.parse(String(metaOf(pod).creationTimestamp)) + wishes.afterMs - now;
  const isEndless = (specOf(pod).restartPolicy ?? "Always") === "Always";
  const stage = stageOf(wishes, isEndless, leftMs <= 0);
  const status = statusAt(pod, stage, wishes.message, nowText);
  return wishes.outcome === "hang" || leftMs <= 0 ? { status } : { status, againAfterMs: leftMs };
}

function stageOf({ outcome }: Wishes, isEndless: boolean, isDue: boolean): Stage {
  if (!isDue || outcome === "hang") return isEndless ? "starting" : "running";
  if (isEndless) return outcome === "fail" ? "crashing" : "ready";
  return outcome === "fail" ? "failed" : "succeeded";
}

const phases = {
  starting: "Pending",
  running: "Running",
  ready: "Running",
  crashing: "Running",
  succeeded: "Succeeded",
  failed: "Failed",
} as const satisfies Record<Stage, string>;

function statusAt(pod: JsonObject, stage: Stage, message: string | undefined, now: string): JsonObject {
  const old = statusOf(pod);
  const { containers } = specOf(pod);
  const list = Array.isArray(containers) ? containers.filter(isJsonObject) : [];
  const isUp = stage === "ready" || stage === "running";
  const reason = stage === "succeeded" ? "PodCompleted" : "ContainersNotReady";
  const up = (type: string): ConditionUpdate => ({
    type,
    status: isUp ? "True" : "False",
    ...(isUp ? {} : { reason }),
  });
  const done = (type: string): ConditionUpdate => ({ type, status: "True" });
  const address = old.podIP ?? addressOf(pod);
  return {
    ...old,
    phase: phases[stage],
    ...(message === undefined ? {} : { message }),
    startTime: old.startTime ?? now,
    hostIP: "127.0.0.1",
    podIP: address,
    podIPs: [{ ip: address }],
    conditions: withConditions(
      old,
      [done("PodScheduled"), done("Initialized"), up("ContainersReady"), up("Ready")],
      now,
    ),
    containerStatuses: list.map((container) => containerStatus(container, stage, message, old, now)),
  };
}

function containerStatus(
  container: JsonObject,
  stage: Stage,
  message: string | undefined,
  old: JsonObject,
  now: string,
): JsonObject {
  const { name = "", image = "" } = container;
  const isUp = stage === "ready" || stage === "running";
  const startedAt = old.startTime ?? now;
  const text = message === undefined ? {} : { message };
  const states: Record<Stage, JsonObject> = {
    starting: { waiting: { reason: "ContainerCreating", ...text } },
    running: { running: { startedAt } },
    ready: { running: { startedAt } },
    crashing: { waiting: { reason: "CrashLoopBackOff", message: message ?? "simulated failure" } },
    succeeded: { terminated: { exitCode: 0, reason: "Completed", startedAt, finishedAt: now, ...text } },
    failed: { terminated: { exitCode: 1, reason: "Error", startedAt, finishedAt: now, ...text } },
  };
  const restartCount = stage === "crashing" ? 1 : 0;
  return { name, image, imageID: "", ready: isUp, started: isUp, restartCount, state: states[stage] };
}

function addressOf(pod: JsonObject): string {
  const hash = hashOf({ uid: metaOf(pod).uid ?? "" });
  return `10.244.${hash.charCodeAt(0) + hash.charCodeAt(1)}.${1 + ((hash.charCodeAt(2) * 27 + hash.charCodeAt(3)) % 254)}`;
}
