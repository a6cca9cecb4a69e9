import type { Application } from "../../api/application-types.ts";
import { type Instant, isoTime } from "../../base/clock.ts";
import { keyText } from "../diff/diff.ts";
import { guardPlan } from "../sync/guard.ts";
import { policiesOf } from "../sync/hooks.ts";
import { allTasks, type SyncPlan, type SyncStep, type SyncTask } from "../sync/sync.ts";
import { writeModeOf } from "../sync/write-mode.ts";
import type { Place } from "./destination.ts";
import { isForeignTo, type Look } from "./look.ts";
import { blockedBy, keptBy, refusalOf } from "./operate.ts";

/** What a sync would do, step by step; nothing of it was done. */
export interface PlanAnswer {
  readonly application: string;
  readonly revisions: readonly string[];
  readonly destination: { readonly server: string; readonly namespace: string };
  /** When it was made. */
  readonly at: string;
  readonly steps: readonly PlannedStep[];
  /** Run only when something fails. */
  readonly onFailure: readonly PlannedStep[];
  /** Why it could not be run as it is. */
  readonly problems: readonly string[];
  /** What it would be run in spite of. */
  readonly warnings: readonly string[];
  /** What would keep a sync by hand back now. */
  readonly blocked?: string;
  /** What an automated sync would wait for. */
  readonly needsApproval?: {
    readonly digest: string;
    readonly reasons: readonly string[];
    readonly deletions: readonly string[];
  };
}

export interface PlannedStep {
  readonly phase: string;
  readonly wave: number;
  readonly tasks: readonly PlannedTask[];
}

export interface PlannedTask {
  readonly action: "create" | "change" | "none" | "run" | "prune" | "skip";
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** How it is written; absent for prunes. */
  readonly write?: "server" | "client" | "replace";
  /** Of a hook: when it is deleted. */
  readonly deletePolicies?: readonly string[];
  /** Why nothing is done, or what it waits for. */
  readonly note?: string;
}

export interface PlanInput {
  readonly application: Application;
  readonly place: Place;
  readonly look: Look;
  readonly plan: SyncPlan;
  /** Tasks that cannot be, with the reasons. */
  readonly invalid: ReadonlyMap<SyncTask, string>;
  readonly now: Instant;
}

export function planAnswer({ application, place, look, plan, invalid, now }: PlanInput): PlanAnswer {
  const { sync } = application.operation ?? {};
  const write = { syncOptions: sync?.syncOptions ?? [], force: sync?.force ?? false };
  const shared = new Set(look.comparison.objects.filter((object) => isForeignTo(look, object)).map(({ diff }) => diff));
  const stepOf = ({ phase, wave, tasks }: SyncStep): PlannedStep => ({
    phase,
    wave,
    tasks: tasks.map((task) => plannedTask(task, write)),
  });
  const blocked = blockedBy(application, place.project, { isAutomated: false, startedAt: now }, now);
  const parked = guardPlan(plan, keptBy(plan, look), write.syncOptions);
  const refused = sync && refusalOf(application, look, { sync });
  const told = (isWarning: boolean): readonly string[] =>
    look.conditions.flatMap(({ type, message }) =>
      type.endsWith("Warning") === isWarning ? [`${type}: ${message}`] : [],
    );
  return {
    application: `${application.metadata.namespace}/${application.metadata.name}`,
    revisions: look.revisions,
    destination: { server: place.cluster.server, namespace: application.destination.namespace ?? "" },
    at: isoTime(now),
    steps: plan.steps.map(stepOf),
    onFailure: plan.onFailure.map(stepOf),
    problems: [
      ...told(false),
      ...(refused?.phase === "Failed" ? [refused.message] : []),
      ...allTasks(plan).flatMap((task) => (invalid.has(task) ? [`${keyText(task.key)}: ${invalid.get(task)}`] : [])),
    ],
    warnings: [
      ...told(true),
      ...(shared.size > 0
        ? [`${shared.size} objects belong to other Applications: an automated sync leaves them alone`]
        : []),
    ],
    ...(blocked === undefined ? {} : { blocked }),
    ...(parked === undefined ? {} : { needsApproval: parked }),
  };
}

function plannedTask(task: SyncTask, write: Parameters<typeof writeModeOf>[2]): PlannedTask {
  const { key, target, live, hookType, skip, needsConfirmation } = task;
  const confirmation = needsConfirmation ? { note: "waits for confirmation" } : {};
  if (target === undefined) {
    if (skip !== undefined) return { action: "skip", ...key, note: skip };
    return { action: "prune", ...key, ...confirmation };
  }
  const { kind } = writeModeOf(target, live, write);
  if (hookType !== undefined) return { action: "run", ...key, write: kind, deletePolicies: [...policiesOf(task)] };
  if (task.isUnmodified) return { action: "skip", ...key, note: "nothing differs (ApplyOutOfSyncOnly)" };
  const action = live === undefined ? "create" : task.changesNothing ? "none" : "change";
  return { action, ...key, write: kind, ...(task.problem === undefined ? {} : { note: task.problem }) };
}

/** For people: one line for each task, in the order in which they run. */
export function planText(answer: PlanAnswer): string {
  const { application, revisions, destination, steps, onFailure, problems, warnings, blocked, needsApproval } = answer;
  const tasks = [...steps, ...onFailure].flatMap((step) => step.tasks);
  const where = `${destination.server}${destination.namespace === "" ? "" : `, namespace ${destination.namespace}`}`;
  const lines = [
    `${application} at ${revisions.map((revision) => revision.slice(0, 12)).join(", ") || "no revision"} to ${where}`,
    ...steps.flatMap((step) => ["", `${step.phase}, wave ${step.wave}`, ...step.tasks.map(taskLine)]),
    ...onFailure.flatMap((step) => [
      "",
      `${step.phase}, wave ${step.wave}: only when something fails`,
      ...step.tasks.map(taskLine),
    ]),
    "",
    tasks.length === 0 ? "nothing to do" : taskCounts(tasks),
    ...(blocked === undefined ? [] : [`blocked now: ${blocked}`]),
    ...(needsApproval === undefined
      ? []
      : [`an automated sync needs approval: ${needsApproval.reasons.join("; ")} (plan ${needsApproval.digest})`]),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...problems.map((problem) => `problem: ${problem}`),
  ];
  return lines.join("\n");
}

/** One line for people. */
export function taskLine({ action, group, kind, namespace, name, write, deletePolicies, note }: PlannedTask): string {
  const object = `${group === "" ? "" : `${group}/`}${kind} ${namespace === "" ? "" : `${namespace}/`}${name}`;
  const notes = [
    ...(write === undefined || write === "server"
      ? []
      : [write === "client" ? "client-side apply" : "replaced as a whole"]),
    ...(deletePolicies === undefined ? [] : [`hook, ${deletePolicies.join(", ")}`]),
    ...(note === undefined ? [] : [note]),
  ];
  return `  ${action.padEnd(7)} ${object}${notes.length > 0 ? `  (${notes.join("; ")})` : ""}`;
}

/** How many tasks of each kind; "" for none. */
export function taskCounts(tasks: readonly PlannedTask[]): string {
  const counts = new Map<string, number>();
  for (const { action } of tasks) counts.set(action, (counts.get(action) ?? 0) + 1);
  return [...counts]
    .map(([action, count]) => `${count} ${action === "none" ? "without a change" : `to ${action}`}`)
    .join(", ");
}
