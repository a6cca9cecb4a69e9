import { type Instant, instant } from "../../base/clock.ts";
import { type CronSchedule, parseCron } from "../../base/cron.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { findTimeZone } from "../../base/time-zone.ts";
import { wholeSeconds } from "../metadata.ts";
import type { ObjectKey } from "../stored-object.ts";
import {
  type Cluster,
  controllerReference,
  countOf,
  isDeleted,
  keyOfObject,
  metaOf,
  objectOf,
  specOf,
  statusOf,
} from "./cluster.ts";
import { findCondition } from "./conditions.ts";

const jobs = "batch/jobs";
const scheduledAt = "batch.kubernetes.io/cronjob-scheduled-timestamp";
const descriptors: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** What a CronJob does now, and when it looks again. Pure. */
export interface CronPlan {
  /** The time to run for; of several that were missed the last one. */
  readonly due: Instant | undefined;
  readonly next: Instant | undefined;
}

/** @throws TerminalError for a schedule or time zone that cannot be read */
export function planCronJob(cronJob: JsonObject, now: Instant): CronPlan {
  const { schedule = "", timeZone, startingDeadlineSeconds } = specOf(cronJob);
  const text = String(schedule);
  const cron = parseCron(descriptors[text] ?? text, "spec.schedule");
  const zone = findTimeZone(typeof timeZone === "string" ? timeZone : "UTC", "spec.timeZone");
  const { lastScheduleTime } = statusOf(cronJob);
  const since = Date.parse(String(lastScheduleTime ?? metaOf(cronJob).creationTimestamp));
  const deadlineMs = typeof startingDeadlineSeconds === "number" ? startingDeadlineSeconds * 1_000 : oldestMissedMs;
  const from = instant(Math.max(since, now - deadlineMs));
  return { due: lastDue(cron, from, now, zone), next: cron.next(now, zone) };
}

/** Runs that were missed for longer are not made up for, whatever the CronJob says. */
const oldestMissedMs = 60 * 60_000;
const maxMissed = 100;

function lastDue(
  cron: CronSchedule,
  from: Instant,
  now: Instant,
  zone: Parameters<CronSchedule["next"]>[1],
): Instant | undefined {
  let due: Instant | undefined;
  let at = cron.next(from, zone);
  for (let count = 0; at !== undefined && at <= now && count < maxMissed; count++) {
    due = at;
    at = cron.next(at, zone);
  }
  return due;
}

export async function reconcileCronJob(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const cronJob = cluster.read(key);
  if (cronJob === undefined || isDeleted(cronJob)) return {};
  const owned = cluster.listOwned(cronJob, jobs).filter((job) => !isDeleted(job));
  await removeHistory(cluster, cronJob, owned);
  if (specOf(cronJob).suspend === true) return (await writeStatus(cluster, key, cronJob)) ?? {};
  const now = cluster.now();
  const plan = readPlan(cronJob, now);
  if (plan === undefined) return {};
  const ran = plan.due === undefined ? false : await runJob(cluster, cronJob, plan.due, owned);
  await writeStatus(cluster, key, cronJob, ran ? plan.due : undefined);
  return plan.next === undefined ? {} : { againAfterMs: Math.max(1, plan.next - now) };
}

/** A schedule that cannot be read never runs; writing it was refused, unless it is older than that check. */
function readPlan(cronJob: JsonObject, now: Instant): CronPlan | undefined {
  try {
    return planCronJob(cronJob, now);
  } catch (error) {
    if (error instanceof TerminalError) return undefined;
    throw error;
  }
}

function isOver(job: JsonObject): boolean {
  return ["Complete", "Failed"].some((type) => findCondition(statusOf(job), type)?.status === "True");
}

async function runJob(
  cluster: Cluster,
  cronJob: JsonObject,
  due: Instant,
  owned: readonly JsonObject[],
): Promise<boolean> {
  const { concurrencyPolicy } = specOf(cronJob);
  const active = owned.filter((job) => !isOver(job));
  if (concurrencyPolicy === "Forbid" && active.length > 0) return false;
  if (concurrencyPolicy === "Replace") {
    await Promise.all(active.map((job) => cluster.delete(keyOfObject(jobs, job))));
  }
  const job = jobOf(cronJob, due);
  if (cluster.read(keyOfObject(jobs, job)) === undefined) await cluster.create(jobs, job);
  return true;
}

/** Named by its time, so that one time is run once. */
function jobOf(cronJob: JsonObject, due: Instant): JsonObject {
  const template = objectOf(specOf(cronJob).jobTemplate);
  const { name, namespace = "" } = metaOf(cronJob);
  const { labels, annotations } = metaOf(template);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: `${String(name)}-${Math.floor(due / 60_000)}`,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...objectOf(annotations), [scheduledAt]: timeText(due) },
      ownerReferences: [controllerReference(cronJob)],
    },
    spec: specOf(template),
  };
}

function timeText(at: Instant): string {
  return wholeSeconds(new Date(at).toISOString());
}

async function removeHistory(cluster: Cluster, cronJob: JsonObject, owned: readonly JsonObject[]): Promise<void> {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = specOf(cronJob);
  const ended = (type: string, limit: number): readonly JsonObject[] =>
    owned
      .filter((job) => findCondition(statusOf(job), type)?.status === "True")
      .toSorted((a, b) => startOf(b) - startOf(a))
      .slice(limit);
  const surplus = [
    ...ended("Complete", countOf(successfulJobsHistoryLimit)),
    ...ended("Failed", countOf(failedJobsHistoryLimit)),
  ];
  await Promise.all(surplus.map((job) => cluster.delete(keyOfObject(jobs, job))));
}

function startOf(job: JsonObject): number {
  return Date.parse(String(statusOf(job).startTime ?? metaOf(job).creationTimestamp));
}

async function writeStatus(
  cluster: Cluster,
  key: ObjectKey,
  cronJob: JsonObject,
  ranFor?: Instant,
): Promise<undefined> {
  const owned = cluster.listOwned(cronJob, jobs).filter((job) => !isDeleted(job));
  const active = owned
    .filter((job) => !isOver(job))
    .map((job) => ({
      apiVersion: "batch/v1",
      kind: "Job",
      namespace: metaOf(job).namespace ?? "",
      name: metaOf(job).name ?? "",
      uid: metaOf(job).uid ?? "",
    }));
  const ends = owned.map((job) => String(statusOf(job).completionTime ?? "")).filter((time) => time !== "");
  const last = ends.toSorted().at(-1);
  await cluster.setStatus(key, (old) => {
    const { active: _active, ...rest } = statusOf(old);
    return {
      ...rest,
      ...(active.length === 0 ? {} : { active }),
      ...(ranFor === undefined ? {} : { lastScheduleTime: timeText(ranFor) }),
      ...(last === undefined ? {} : { lastSuccessfulTime: last }),
    };
  });
}
