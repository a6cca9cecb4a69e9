import { messageOf } from "../../../base/errors.ts";
import type { JsonObject } from "../../../base/json.ts";
import type { KubeObject } from "../../../objects/object.ts";
import { actionOf, discoverActions, type ResourceAction, runAction } from "../actions.ts";
import { assessObject } from "../assess.ts";
import { type ObjectScript, runHealthScript } from "../script.ts";
import { actionProblems } from "./action-result.ts";
import type { TrialProblem } from "./problem.ts";

export interface HealthExpectation {
  /** "" where the test names none. */
  readonly status: string;
  readonly message: string;
}

/**
 * Compares to the byte. Without a script the built-in check of the kind is asked. `nowMs`: what `os.time()` says.
 * @throws EngineError SCRIPT_INVALID, SCRIPT_FAILED
 */
export function tryHealth(
  script: ObjectScript | undefined,
  object: KubeObject,
  expected: HealthExpectation,
  nowMs: number,
): readonly TrialProblem[] {
  const found = script ? runHealthScript(script, object, { nowMs }) : assessObject(object).health;
  const { status = "", message = "" } = found ?? {};
  const diff = [...lines("status", expected.status, status), ...lines("message", expected.message, message)];
  return diff.length === 0 ? [] : [{ message: "the health is not the expected one", diff }];
}

function lines(name: string, expected: string, found: string): readonly string[] {
  if (expected === found) return [];
  return [`- ${name}: ${expected}`, `+ ${name}: ${found}`];
}

/** In any order; fields that are not given are empty. @throws EngineError SCRIPT_INVALID, SCRIPT_FAILED */
export function tryDiscovery(
  script: ObjectScript,
  object: JsonObject,
  expected: readonly JsonObject[],
  nowMs: number,
): readonly TrialProblem[] {
  const found = discoverActions([script], object, { nowMs }).map(shown);
  const wanted = expected.map((action) => shown(actionOf(String(action.name ?? ""), action)));
  const diff = [
    ...without(wanted, found).map((line) => `- ${line}`),
    ...without(found, wanted).map((line) => `+ ${line}`),
  ];
  return diff.length === 0 ? [] : [{ message: "the actions are not the expected ones", diff }];
}

function shown({ name, disabled, iconClass, displayName, params }: ResourceAction): string {
  const fields = {
    name,
    disabled,
    ...(iconClass ? { iconClass } : {}),
    ...(displayName ? { displayName } : {}),
    ...(params.length > 0 ? { params: params.map((param) => JSON.stringify(param)).sort() } : {}),
  };
  return JSON.stringify(fields);
}

function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Tests name a part of the message, or all of it with the places of the script that the original adds. */
function isExpected(message: string, expected: string): boolean {
  return message.includes(expected) || expected.includes(message);
}

export interface ActionExpectation {
  /** Undefined: the test only wants it to run. */
  readonly objects?: readonly JsonObject[];
  /** The text of an error that the action has to end with. */
  readonly error?: string;
}

/** So much later an action runs a second time: what it makes of the time differs then in every part. */
const otherTimeMs = (400 * 86_400 + 5 * 3_600 + 17 * 60 + 13) * 1_000;

/**
 * What the action makes of the time of day is not compared; see `actionProblems`.
 * @throws EngineError SCRIPT_INVALID, SCRIPT_FAILED where no error is expected
 */
export function tryAction(
  script: ObjectScript,
  object: JsonObject,
  parameters: Readonly<Record<string, string>>,
  expected: ActionExpectation,
  nowMs: number,
): readonly TrialProblem[] {
  let found: ReturnType<typeof runAction>;
  let later: ReturnType<typeof runAction>;
  try {
    found = runAction(script, object, { nowMs, parameters });
    later = runAction(script, object, { nowMs: nowMs + otherTimeMs, parameters });
  } catch (error) {
    const message = messageOf(error);
    if (expected.error && isExpected(message, expected.error)) return [];
    if (!expected.error) throw error;
    return [{ message: "the error is not the expected one", diff: [`- ${expected.error}`, `+ ${message}`] }];
  }
  if (expected.error) return [{ message: `it ends without the error ${JSON.stringify(expected.error)}` }];
  return expected.objects === undefined ? [] : actionProblems(found, later, expected.objects);
}
