import { parseApplication } from "../../api/application.ts";
import type { Application } from "../../api/application-types.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { diffLines } from "../../base/text-diff.ts";
import { formatYaml } from "../../base/yaml.ts";
import type { GitOpsRequest } from "../../events/triggers/gitops-request.ts";
import type { Preview } from "../../events/triggers/trigger.ts";
import { groupOf, keyOf, keyText } from "../../gitops/diff/diff.ts";
import { maskSecrets } from "../../gitops/diff/mask.ts";
import { createClaims } from "../../gitops/reconcile/claims.ts";
import { type Directory, placeOf } from "../../gitops/reconcile/destination.ts";
import { createMemory, type Look, type LookDeps, lookAt } from "../../gitops/reconcile/look.ts";
import { planOf, refusalBy } from "../../gitops/reconcile/operate.ts";
import { type PlannedTask, planAnswer, taskCounts, taskLine } from "../../gitops/reconcile/plan-answer.ts";
import { checkTasks } from "../../gitops/sync/preflight.ts";
import { allTasks } from "../../gitops/sync/sync.ts";
import type { KubeObject } from "../../objects/object.ts";
import { withSourceChange } from "./source-change.ts";

export interface SyncPreviewDeps extends Omit<LookDeps, "claims" | "metrics"> {
  readonly directory: Directory;
}

const maxLines = 500;

/** What the sync that is asked for would do now: its steps, prunes and hooks included, and what would change. Reads only. */
export async function previewSync(
  object: KubeObject,
  request: GitOpsRequest,
  deps: SyncPreviewDeps,
  signal: AbortSignal,
): Promise<Preview> {
  const application = asked(object, request);
  const place = placeOf(application, deps.directory);
  if ("problems" in place) throw new EngineError("SYNC_REFUSED", place.problems.join("; "));
  // With claims and a memory of its own: looking changes nothing for those who reconcile.
  const own = { ...deps, claims: createClaims(), metrics: { comparedObjects: { add: () => undefined } } };
  const revision = request.sync?.revision;
  const revisions = revision === undefined ? [] : [revision];
  const level = { level: 3, hard: false, seen: [] } as const;
  const look = await lookAt(application, place, level, revisions, createMemory(), own, signal);
  const { sync } = application.operation ?? {};
  if (sync === undefined) throw new Error("the operation was made here");
  const now = deps.clock.now();
  const plan = await planOf(application, place, look, { sync, isAutomated: false, startedAt: now }, deps.clock, signal);
  const tries = { kube: place.cluster.kube, clock: deps.clock, syncOptions: sync.syncOptions, signal };
  const { invalid } = await checkTasks(allTasks(plan), refusalBy(application, place), tries);
  const { steps, onFailure, problems, warnings, blocked } = planAnswer({
    application,
    place,
    look,
    plan,
    invalid,
    now,
  });
  const changes = changesIn(look);
  const lines = [...steps, ...onFailure].flatMap(({ phase, wave, tasks }) => [
    ` ${phase}, wave ${wave}`,
    ...tasks.flatMap((task) => [` ${taskLine(task)}`, ...(changes.get(taskKey(task)) ?? [])]),
  ]);
  const bad = [
    ...warnings.map((one) => ` warning: ${one}`),
    ...[...problems, ...(blocked === undefined ? [] : [`blocked now: ${blocked}`])].map((one) => ` problem: ${one}`),
  ];
  const summary = taskCounts(steps.flatMap(({ tasks }) => tasks)) || "nothing to do";
  return { summary, diff: capped([...lines, ...bad]) };
}

function asked(object: KubeObject, { sync, source }: GitOpsRequest): Application {
  const { revision, prune = false, dryRun = false, syncOptions = [] } = sync ?? {};
  const changed = withSourceChange(object, source);
  const { syncPolicy } = parseApplication(changed).resource;
  const options = [...syncPolicy.syncOptions, ...syncOptions];
  const operation = { sync: { ...(revision ? { revision } : {}), prune, dryRun, syncOptions: options } };
  return parseApplication({ ...changed, operation }).resource;
}

/** By key, the lines of each object that would be another. */
function changesIn({ comparison: { objects } }: Look): ReadonlyMap<string, readonly string[]> {
  return new Map(
    objects.flatMap(({ target, live, diff }) => {
      const some = live ?? target;
      if (some === undefined || target === undefined || !(diff.isModified || live === undefined)) return [];
      const sides = {
        live: diff.normalizedLive ?? {},
        target: diff.predictedLive ?? (target as unknown as JsonObject),
      };
      const isSecret = some.kind === "Secret" && groupOf(some) === "";
      const shown = isSecret ? maskSecrets(withoutTexts(sides)) : sides;
      const before = live === undefined ? "" : formatYaml(shown.live);
      return [[keyText(keyOf(some)), diffLines(before, formatYaml(shown.target))] as const];
    }),
  );
}

/** `stringData` is masked as `data` is. */
function withoutTexts({ live, target }: { readonly live: JsonObject; readonly target: JsonObject }) {
  const merged = ({ stringData, data, ...rest }: JsonObject): JsonObject => ({
    ...rest,
    ...(data === undefined && stringData === undefined
      ? {}
      : { data: { ...(data as object), ...(stringData as object) } }),
  });
  return { live: merged(live), target: merged(target) };
}

function taskKey({ group, kind, namespace, name }: PlannedTask): string {
  return keyText({ group, kind, namespace, name });
}

function capped(lines: readonly string[]): readonly string[] {
  if (lines.length <= maxLines) return lines;
  return [...lines.slice(0, maxLines), ` … ${lines.length - maxLines} more lines`];
}
