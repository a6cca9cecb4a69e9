import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { Clock } from "../../base/clock.ts";
import { instant } from "../../base/clock.ts";
import { formatDuration } from "../../base/duration.ts";
import { goTimeString } from "../../base/go/time.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { findTimeZone, type TimeZone } from "../../base/time-zone.ts";
import type { KubeObject } from "../../objects/object.ts";
import { table } from "../output.ts";
import {
  automatedOf,
  clusterOf,
  conditionsOf,
  destinationNamespaceOf,
  hasSeveralSources,
  healthOf,
  oneLine,
  operationStateOf,
  projectOf,
  qualifiedName,
  resourcesOf,
  sourcesOf,
  statusOf,
  syncStatusOf,
} from "./application.ts";
import { resourceStates } from "./resource-states.ts";

/** What a text needs to know beside the Application. */
export interface SummaryContext {
  /** Of the engine. */
  readonly url: string;
  readonly zone: TimeZone;
  readonly clock: Clock;
  /** Of the Application, as the API tells them. */
  readonly windows: JsonObject;
  /** Those that keep its automated syncs back now, one line each. */
  readonly holds?: readonly string[];
}

/** The zone of whoever reads. */
export function localZone(): TimeZone {
  return findTimeZone(Intl.DateTimeFormat().resolvedOptions().timeZone, "TZ");
}

/** `app get`: what it is, its conditions, its operation if asked for, its objects unless a tree shows them. */
export function detailsText(
  application: KubeObject,
  context: SummaryContext,
  showOperation: boolean,
  showResources = true,
): string {
  const conditions = conditionsText(application, context.zone);
  const operation = showOperation ? operationText(operationStateOf(application), context) : "";
  const resources = showResources ? resourcesText(application) : "";
  return [
    summaryText(application, context),
    ...(conditions === "" ? [] : ["", conditions, ""]),
    ...(operation === "" ? [] : ["", operation]),
    ...(resources === "" ? [] : ["", resources]),
  ].join("\n");
}

/** `app sync` when it is done: what it is, its operation, its objects. */
export function syncText(application: KubeObject, context: SummaryContext): string {
  const operation = operationText(operationStateOf(application), context);
  const resources = resourcesText(application);
  return [
    summaryText(application, context),
    "",
    ...(operation === "" ? [] : [operation]),
    ...(resources === "" ? [] : ["", resources]),
  ].join("\n");
}

function summaryText(application: KubeObject, { url, windows, holds = [] }: SummaryContext): string {
  const automated = automatedOf(application);
  const { status, message } = healthOf(application);
  return [
    line("Name:", qualifiedName(application)),
    line("Project:", projectOf(application)),
    line("Server:", clusterOf(application)),
    line("Namespace:", destinationNamespaceOf(application)),
    line("URL:", `${url.replace(/\/+$/, "")}/applications/${application.metadata.name ?? ""}`),
    hasSeveralSources(application) ? "Sources:" : "Source:",
    ...sourcesOf(application).flatMap(sourceLines),
    ...windowLines(windows),
    ...holds.map((hold) => line("On Hold:", hold)),
    line("Sync Policy:", automated ? `Automated${automated.prune ? " (Prune)" : ""}` : "Manual"),
    line("Sync Status:", syncLine(application)),
    line("Health Status:", message === "" ? status : `${status} (${oneLine(message)})`),
  ].join("\n");
}

/** `Manual Allowed`: the engine has to wait, a person has not (spec argo-cd-surface 5.2). */
function windowLines({ activeWindows, assignedWindows, canSync }: JsonObject): string[] {
  const [active, assigned] = [listOf(activeWindows).map(objectOf), listOf(assignedWindows).map(objectOf)];
  const has = (windows: readonly JsonObject[], kind: string) => windows.some((window) => window.kind === kind);
  const isBlocked = has(active, "deny") || (has(assigned, "allow") && !has(active, "allow"));
  const state = !isBlocked ? "Sync Allowed" : canSync === true ? "Manual Allowed" : "Sync Denied";
  const names = assigned.map(({ kind, schedule, duration }) => [kind, schedule, duration].map(textOf).join(":"));
  return [line("SyncWindow:", state), ...(names.length === 0 ? [] : [line("Assigned Windows:", names.join(","))])];
}

function sourceLines(source: JsonObject): string[] {
  const valueFiles = listOf(objectOf(source.helm).valueFiles).map(textOf).join(",");
  const optional: readonly (readonly [string, string])[] = [
    ["  Path:", textOf(source.path)],
    ["  Ref:", textOf(source.ref)],
    ["  Helm Values:", valueFiles],
    ["  Name Prefix:", textOf(objectOf(source.kustomize).namePrefix)],
  ];
  return [
    line("- Repo:", textOf(source.repoURL)),
    line("  Target:", textOf(source.targetRevision)),
    ...optional.filter(([, value]) => value !== "").map(([label, value]) => line(label, value)),
  ];
}

/** `Synced to main (1a2b3c4)`; without the commit where the target is one. */
function syncLine(application: KubeObject): string {
  const status = syncStatusOf(application);
  const target = textOf(sourcesOf(application)[0]?.targetRevision);
  const revision = textOf(objectOf(statusOf(application).sync).revision);
  const relation = { Synced: ` to ${target}`, OutOfSync: ` from ${target}` }[status] ?? "";
  const commit = revision.length > 7 && !/^[0-9a-f]{7,}$/i.test(target) ? ` (${revision.slice(0, 7)})` : "";
  return `${status}${relation}${commit}`;
}

function conditionsText(application: KubeObject, zone: TimeZone): string {
  const rows = conditionsOf(application).map(({ type, message, lastTransitionTime }) => [
    textOf(type),
    oneLine(textOf(message)),
    timeText(lastTransitionTime, zone),
  ]);
  return rows.length === 0 ? "" : table(["CONDITION", "MESSAGE", "LAST TRANSITION"], rows);
}

function operationText(state: JsonObject | undefined, { zone, clock }: SummaryContext): string {
  if (state === undefined) return "";
  // One that failed before it began has no result: what was asked for is shown.
  const asked = objectOf(state.operation).sync;
  const sync = isJsonObject(state.syncResult) ? state.syncResult : asked;
  const message = oneLine(textOf(state.message));
  const startedAt = Date.parse(textOf(state.startedAt));
  const finishedAt = textOf(state.finishedAt) === "" ? clock.now() : Date.parse(textOf(state.finishedAt));
  const seconds = Math.floor(finishedAt / 1_000) - Math.floor(startedAt / 1_000);
  return [
    ...(isJsonObject(sync) ? [line("Operation:", "Sync"), line("Sync Revision:", revisionOf(sync))] : []),
    line("Phase:", textOf(state.phase)),
    line("Start:", timeText(state.startedAt, zone)),
    line("Finished:", timeText(state.finishedAt, zone)),
    line("Duration:", Number.isNaN(seconds) ? "" : formatDuration(seconds * 1_000)),
    ...(message === "" ? [] : [line("Message:", message)]),
  ].join("\n");
}

function revisionOf({ revision, revisions }: JsonObject): string {
  const several = listOf(revisions).map(textOf);
  return several.length > 0 ? several.join(", ") : textOf(revision);
}

function resourcesText(application: KubeObject): string {
  if (resourcesOf(application).length === 0) return "";
  const rows = resourceStates(application).map(({ group, kind, namespace, name, status, health, hook, message }) => [
    group,
    kind,
    namespace,
    name,
    status,
    health,
    hook,
    message,
  ]);
  return table(["GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE"], rows);
}

function line(label: string, value: string): string {
  return `${label.padEnd(20)}${value}`.trimEnd();
}

/** As Go prints a time; `<nil>` where there is none. */
function timeText(value: JsonValue | undefined, zone: TimeZone): string {
  const text = textOf(value);
  const at = Date.parse(text);
  if (text === "") return "<nil>";
  return Number.isNaN(at) ? text : goTimeString(instant(at), zone);
}
