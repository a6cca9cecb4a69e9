import { type ExpectedDecision, type ExpectedFiring, patternOf, type SensorTestCase } from "../../api/sensor-test.ts";
import { parseDuration } from "../../base/duration.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";
import { compileRegex } from "../../base/regex.ts";
import { diffLines } from "../../base/text-diff.ts";
import { formatYaml } from "../../base/yaml.ts";
import type { CompiledSensor } from "../sensor/compile.ts";
import type { CaseOutcome, ObservedDecision, ObservedFiring } from "./run-case.ts";

export interface CaseProblem {
  /** Below the case: `expect`, `decisions[0]`. */
  readonly path: string;
  readonly message: string;
  /** Lines: `-` expected, `+` what happened. */
  readonly diff?: readonly string[];
}

/** What of an outcome is not as expected; none when all is. */
export function problemsOf(one: SensorTestCase, outcome: CaseOutcome): readonly CaseProblem[] {
  if (one.expect === undefined && one.decisions.length === 0) {
    return [{ path: "", message: "expects nothing: write what fires, or let --update write it" }];
  }
  return [
    ...(one.expect === undefined ? [] : firingProblems(one.expect, outcome.firings)),
    ...decisionProblems(one.decisions, outcome),
  ];
}

/** Names in a case that the Sensor does not have: they would never match. */
export function nameProblems(one: SensorTestCase, compiled: CompiledSensor): readonly CaseProblem[] {
  const triggers = compiled.triggers.flatMap(({ name, trigger: { dlqTrigger } }) =>
    dlqTrigger ? [name, dlqTrigger.template.name] : [name],
  );
  const dependencies = compiled.sensor.dependencies.map(({ name }) => name);
  const check = (path: string, name: string, known: readonly string[], what: string): CaseProblem[] => {
    if (known.includes(name)) return [];
    const likely = nearest(name, known);
    const hint = likely === undefined ? `it has ${known.join(", ")}` : `did you mean "${likely}"?`;
    return [{ path, message: `${JSON.stringify(name)} is no ${what} of the Sensor; ${hint}` }];
  };
  return [
    ...Object.keys(one.fails).flatMap((name) => check(`fails.${name}`, name, triggers, "trigger")),
    ...(one.expect ?? []).flatMap(({ trigger }, index) => [
      ...check(`expect[${index}].trigger`, trigger, triggers, "trigger"),
      ...faultOf(trigger, compiled).map((message) => ({ path: `expect[${index}].trigger`, message })),
    ]),
    ...(one.expect ?? []).flatMap(({ events = {} }, index) =>
      Object.keys(events).flatMap((name) => check(`expect[${index}].events.${name}`, name, dependencies, "dependency")),
    ),
    ...one.decisions.flatMap(({ dependency }, index) =>
      check(`decisions[${index}].dependency`, dependency, dependencies, "dependency"),
    ),
  ];
}

function faultOf(name: string, { triggers }: CompiledSensor): readonly string[] {
  const fault = triggers.find((trigger) => trigger.name === name)?.fault;
  return fault === undefined ? [] : [`${JSON.stringify(name)} never fires: ${fault}`];
}

function firingProblems(expected: readonly ExpectedFiring[], observed: readonly ObservedFiring[]): CaseProblem[] {
  const seen = viewsOf(expected, observed);
  const wanted = expected.map((one) => one as unknown as JsonObject);
  const [before, after] = [wanted, seen].map((list) => formatYaml(list.map(inOrder)));
  if (before === undefined || after === undefined || before === after) return [];
  return [{ path: "expect", message: summaryOf(expected, observed), diff: diffLines(before, after) }];
}

function summaryOf(expected: readonly ExpectedFiring[], observed: readonly ObservedFiring[]): string {
  const names = (list: readonly { readonly trigger: string }[]): string =>
    list.length === 0 ? "nothing" : list.map(({ trigger }) => trigger).join(", ");
  const [wanted, seen] = [names(expected), names(observed)];
  return wanted === seen ? `${wanted} fired, not as expected` : `expected ${wanted} to fire, ${seen} fired`;
}

/**
 * What happened in the words of the expectation: of each firing the fields that the expectation of the same trigger names,
 * as it spells them where they mean the same. A firing that nobody expected shows its trigger, time and events.
 */
export function viewsOf(expected: readonly ExpectedFiring[], observed: readonly ObservedFiring[]): JsonObject[] {
  const waiting = [...expected];
  return observed.map((one) => {
    const index = waiting.findIndex(({ trigger }) => trigger === one.trigger);
    const [match] = index < 0 ? [] : waiting.splice(index, 1);
    return match ? viewOf(match, one) : unexpectedView(one);
  });
}

function unexpectedView({ trigger, at, events, error }: ObservedFiring): JsonObject {
  return { trigger, at, events, ...(error === undefined ? {} : { error }) };
}

function viewOf(expected: ExpectedFiring, observed: ObservedFiring): JsonObject {
  const view: Record<string, JsonValue> = { trigger: observed.trigger };
  if (expected.at !== undefined) view.at = sameTime(expected.at, observed.at) ? expected.at : observed.at;
  if (expected.events !== undefined) view.events = partOf(expected.events, observed.events);
  for (const field of ["template", "plan"] as const) {
    const [wanted, seen] = [expected[field], observed[field]];
    if (wanted !== undefined && seen !== undefined) view[field] = partOf(wanted as JsonValue, seen as JsonValue);
  }
  const error = errorView(expected, observed);
  if (error !== undefined) view.error = error;
  if (expected.attempts !== undefined) view.attempts = observed.attempts;
  if (expected.outcome !== undefined) view.outcome = observed.outcome;
  return view;
}

/** A failure that nobody expected is shown. */
function errorView({ error, outcome }: ExpectedFiring, observed: ObservedFiring): string | undefined {
  if (observed.error === undefined) return undefined;
  if (error === undefined) return outcome === "dead" ? undefined : observed.error;
  return matchesText(error, observed.error) ? error : observed.error;
}

function sameTime(a: string, b: string): boolean {
  return Math.abs(parseDuration(a) - parseDuration(b)) < 1e-6;
}

/** Of `seen` what `wanted` names: fields of objects, all items of lists. */
function partOf(wanted: JsonValue, seen: JsonValue): JsonValue {
  if (isJsonObject(wanted) && isJsonObject(seen)) {
    const fields = Object.entries(wanted).filter(([key]) => Object.hasOwn(seen, key) && seen[key] !== undefined);
    return Object.fromEntries(fields.map(([key, part]) => [key, partOf(part, seen[key] ?? null)]));
  }
  if (Array.isArray(wanted) && Array.isArray(seen)) {
    return seen.map((item: JsonValue, index) => (index < wanted.length ? partOf(wanted[index] ?? null, item) : item));
  }
  return seen;
}

/** Keys of objects in the order of their names: only values are compared. */
function inOrder(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isJsonObject(value)) return value;
  const { trigger, ...rest } = value;
  const sorted = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1));
  const entries = sorted.map(([key, child]): [string, JsonValue] => [key, inOrder(child)]);
  return Object.fromEntries(trigger === undefined ? entries : [["trigger", inOrder(trigger)], ...entries]);
}

/** A part of the text, or `/regex/`. */
export function matchesText(wanted: string, text: string): boolean {
  const pattern = patternOf(wanted);
  return pattern === undefined ? text.includes(wanted) : compileRegex(pattern).matches(text);
}

function decisionProblems(expected: readonly ExpectedDecision[], outcome: CaseOutcome): CaseProblem[] {
  if (expected.length === 0) return [];
  const { decisions } = outcome;
  return expected.flatMap((one, index) => {
    const about = decisions.filter(
      ({ dependency, event }) => dependency === one.dependency && (one.event === undefined || event === one.event),
    );
    if (about.some((seen) => isAsWanted(one, seen))) return [];
    const wanted = `${one.verdict}${one.reason === undefined ? "" : `: ${one.reason}`}`;
    const diff = [`-${wanted}`, ...about.map((seen) => `+${seen.verdict}: ${seen.reason} (event ${seen.event})`)];
    const which = `dependency ${one.dependency}${one.event === undefined ? "" : `, event ${one.event}`}`;
    const message = about.length === 0 ? `${which}: saw no event` : `${which}: another verdict`;
    return [{ path: `decisions[${index}]`, message, diff }];
  });
}

function isAsWanted(wanted: ExpectedDecision, seen: ObservedDecision): boolean {
  return wanted.verdict === seen.verdict && (wanted.reason === undefined || matchesText(wanted.reason, seen.reason));
}
