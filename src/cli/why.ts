import { isDeepStrictEqual } from "node:util";
import { Command } from "commander";
import { formatDuration } from "../base/duration.ts";
import { assertNever } from "../base/errors.ts";
import type { ExplainedCondition, ExplainedTrigger } from "../events/sensor/explain.ts";
import type { PendingEffect } from "../events/sensor/pending-effects.ts";
import type { DecisionRecord, EffectRecord, ExplainedFilter, LedgerRecord } from "../record/records.ts";
import type { SensorWhy, WhyAnswer } from "../server/why.ts";
import { globalFlags, requireEngine } from "./engine-client.ts";
import { colored, print, shownTime } from "./output.ts";
import { limitedText } from "./record-text.ts";
import { remedyOf } from "./trace-remedies.ts";

/** `tiphys why EVENT [--sensor NAMESPACE/NAME]`: what each filter and each condition made of an event. */
export function whyCommand(): Command {
  return new Command("why")
    .description("Why an event fired a trigger, or did not: filters, conditions, what waited, what came of it")
    .argument("<event id>")
    .option("--sensor <namespace/name>", "of one Sensor only")
    .action(async (id: string, { sensor }: { readonly sensor?: string }, self: Command) => {
      const search = sensor === undefined ? "" : `?${new URLSearchParams({ sensor })}`;
      const answer = await requireEngine(globalFlags(self)).get<WhyAnswer>(
        `/events/${encodeURIComponent(id)}/why${search}`,
      );
      print(globalFlags(self), answer, { text: whyText });
    });
}

export function whyText({ event, sensors, note }: WhyAnswer): string {
  const lines = [
    `event ${event.id}: ${event.namespace}/${event.eventSource} ${event.event}, stored ${shownTime(event.storedAt)}`,
    ...sensors.flatMap((one) => sensorLines(one, event.id)),
  ];
  if (note !== undefined) lines.push(note);
  return lines.join("\n");
}

function sensorLines(why: SensorWhy, event: string): string[] {
  const { sensor, kind, dependencies, triggers, records, pending = [], note } = why;
  return [
    `${kind ?? "Sensor"} ${sensor.namespace}/${sensor.name}`,
    ...dependencies.flatMap(dependencyLines),
    ...triggers.flatMap((trigger) => triggerLines(trigger, records, event)),
    ...inOrderOfCause(records).flatMap((record) => recordLines(record, dependencies)),
    ...pending.map(pendingLine),
    ...(note === undefined ? [] : [`  ${note}`]),
  ];
}

const styles = { passed: "green", rejected: "yellow", error: "red" } as const;

function dependencyLines({ dependency, verdict, reason, filters }: SensorWhy["dependencies"][number]): string[] {
  const line = `  dependency ${dependency} ${colored(styles[verdict], verdict)}${reason === "" ? "" : `: ${reason}`}`;
  const isTold = verdict !== "passed" && filters.length === 1;
  return [line, ...(isTold ? [] : filters.map(filterLine))];
}

/** `    filters.data[0] passed: body.ref = "^main$", saw "main"` */
function filterLine({ filter, expression, verdict, seen, reason }: ExplainedFilter): string {
  const saw = seen === undefined ? "" : `, saw ${seen}`;
  const why = reason === undefined ? "" : `; ${reason}`;
  return `    ${filter} ${colored(styles[verdict], verdict)}: ${expression}${saw}${why}`;
}

/** Conditions of one name say no more than the dependency's verdict. */
function triggerLines(trigger: ExplainedTrigger, records: readonly LedgerRecord[], event: string): string[] {
  const { trigger: name, isMet, missing, present, condition, fault } = trigger;
  if (fault !== undefined) return [`  trigger ${name} ${colored("red", "never fires")}: ${fault}`];
  const hasRecord = records.some((record) => record.kind === "decision" && record.trigger === name);
  const waited = Object.entries(present).filter(([, id]) => id !== event);
  const isJoin = missing.length + Object.keys(present).length > 1;
  const verdict = isMet ? colored("green", "met") : colored("yellow", "not met");
  const parts = [
    ...(missing.length > 0 ? [`missing ${missing.join(", ")}`] : []),
    ...waited.map(([dependency, id]) => `${dependency} had come as event ${id}`),
  ];
  const detail = parts.length === 0 ? "" : `; ${parts.join("; ")}`;
  const line = `  conditions of ${name} ${verdict}: ${conditionText(condition)}${detail}`;
  return [
    ...(isJoin ? [line] : []),
    ...(isJoin && !isMet ? placeLines(present, event) : []),
    ...(isMet && !hasRecord
      ? [`  trigger ${name}: nothing recorded; the event came before the Sensor did, or was read as another revision`]
      : []),
  ];
}

/** What waits does so until a newer event takes its place: of a dependency the newest counts. */
function placeLines(present: ExplainedTrigger["present"], event: string): string[] {
  const waits = Object.keys(present).filter((dependency) => present[dependency] === event);
  return waits.length === 0
    ? []
    : [`    from then on it waits for the rest, until a newer event of ${waits.join(", ")} takes its place`];
}

/** `push (there) && (approved (missing) || forced (missing))` */
function conditionText(condition: ExplainedCondition, isInner = false): string {
  if (condition.kind === "name") {
    return `${condition.name} (${condition.isMet ? colored("green", "there") : colored("yellow", "missing")})`;
  }
  const text = condition.parts
    .map((part) => conditionText(part, true))
    .join(condition.kind === "and" ? " && " : " || ");
  return isInner && condition.parts.length > 1 ? `(${text})` : text;
}

/** Each decision with the effects that followed it, as they came: of several triggers they are mixed. */
function inOrderOfCause(records: readonly LedgerRecord[]): LedgerRecord[] {
  const decisions = new Set(records.flatMap((record) => (record.kind === "decision" ? [record.id] : [])));
  const decisionOf = (record: LedgerRecord): string | undefined =>
    record.kind === "decision" ? undefined : record.causes.find((cause) => decisions.has(cause));
  const followed = Map.groupBy(records, decisionOf);
  return (followed.get(undefined) ?? []).flatMap((record) => [record, ...(followed.get(record.id) ?? [])]);
}

function recordLines(record: LedgerRecord, dependencies: SensorWhy["dependencies"]): string[] {
  switch (record.kind) {
    case "decision": {
      const { trigger, dependency, verdict, reason, filters = {} } = record;
      if (verdict === "error") return errorLines(record, dependencies);
      const what = trigger === undefined ? `dependency ${dependency}` : `trigger ${trigger}`;
      const then = Object.entries(filters).flatMap(([name, list]) => (isAsNow(name, list, dependencies) ? [] : list));
      const head = then.length > 0 ? ["    its filters were others then:"] : [];
      return [`  ${what} ${verdict}${reason === undefined ? "" : `: ${reason}`}`, ...head, ...then.map(filterLine)];
    }
    case "effect": {
      const { trigger, dlqOf, triggerKind, outcome, attempt, message } = record;
      const remedy = remedyOf(record, false);
      const rescue = dlqOf === undefined ? "" : `dlqTrigger ${trigger}: `;
      return [
        `    ${rescue}${triggerKind} ${outcome} (attempt ${attempt}): ${message}${limitedText(record)}${whatNext(record)}`,
        ...(remedy === undefined ? [] : [`      ${remedy}`]),
      ];
    }
    default:
      return [`  ${record.kind}`];
  }
}

/** What failed is on `dead`; its reason was told where the dependency is, unless it was another then. */
function errorLines(record: DecisionRecord, dependencies: SensorWhy["dependencies"]): string[] {
  const { trigger, dependency, verdict, reason } = record;
  const now = dependencies.find((one) => one.dependency === dependency);
  const why = reason === undefined || now?.reason === reason ? "" : `: ${reason}`;
  const remedy = remedyOf(record, false);
  const what = trigger === undefined ? `dependency ${dependency}` : `trigger ${trigger}`;
  return [
    `  ${what} ${verdict}${why}; the event is kept on \`dead\``,
    ...(remedy === undefined ? [] : [`    ${remedy}`]),
  ];
}

/** Whether the filters said the same when the trigger fired; of other events of a join nothing is judged now. */
function isAsNow(name: string, then: readonly ExplainedFilter[], now: SensorWhy["dependencies"]): boolean {
  const filters = now.find(({ dependency }) => dependency === name)?.filters;
  return filters === undefined || isDeepStrictEqual(filters, then);
}

/** What has no outcome yet. */
function pendingLine({ trigger, attempt, waitsFor }: PendingEffect): string {
  return `  trigger ${trigger}, attempt ${attempt}, ${colored("yellow", pendingText(waitsFor))}`;
}

function pendingText(waits: PendingEffect["waitsFor"]): string {
  switch (waits.kind) {
    case "order":
      return "waits for an earlier one of its key";
    case "retry":
      return `is tried again at ${shownTime(waits.at)}: ${waits.error}`;
    case "rateLimit":
      return `waits for its rate limit, one each ${formatDuration(waits.intervalMs)}: ${waits.ahead} come before it`;
    case "slot":
      return `waits for attempts under way: ${waits.ahead} come before it`;
    case "attempt":
      return "is under way";
    default:
      return assertNever(waits);
  }
}

function whatNext({ outcome }: EffectRecord): string {
  if (outcome === "failed") return "; tried again later";
  return outcome === "dead" ? "; not tried again, kept on `dead`" : "";
}
