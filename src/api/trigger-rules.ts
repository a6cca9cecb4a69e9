import { instant } from "../base/clock.ts";
import { parseCron } from "../base/cron.ts";
import { messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { findTimeZone } from "../base/time-zone.ts";
import { addTo, checkItems, errorAt, objectOf, textOf, warningAt } from "./fields.ts";
import { isTimeZone } from "./filter-rules.ts";
import { checkParameterList, checkTriggerParameters, destsOf, makesObject } from "./parameter-rules.ts";
import { checkParameterTypes } from "./parameter-type-rules.ts";
import { type TriggerKindSchema, triggerKindNames, triggerNamesOf } from "./sensor-schema.ts";
import { checkBackoff, checkLabelName } from "./trap-rules.ts";

type Kinds = Readonly<Record<string, TriggerKindSchema>>;

/** Deeper dlqTriggers of dlqTriggers are refused. */
const maxDlqDepth = 10;

/** What the original refuses about a trigger (spec argo-events 6.7), in its order, and what is worth a warning. */
export function checkTrigger(trigger: JsonObject, kinds: Kinds, path: string, dlqDepth = 0): Problem[] {
  const problems: Problem[] = [];
  const { template } = trigger;
  if (!isJsonObject(template)) problems.push(errorAt(`${path}.template`, "trigger template can't be nil"));
  else addTo(problems, checkTemplate(template, trigger, kinds, `${path}.template`));
  addTo(problems, checkPolicy(trigger, path));
  addTo(problems, checkTriggerParameters(trigger, path));
  addTo(problems, checkTypes(trigger, kinds, path));
  addTo(problems, checkRetry(trigger, path));
  addTo(problems, checkRate(trigger, path));
  addTo(problems, checkDlq(trigger, kinds, path, dlqDepth));
  return problems;
}

function checkTypes(trigger: JsonObject, kinds: Kinds, path: string): Problem[] {
  const kind = kindOfTemplate(objectOf(trigger.template), kinds);
  const schema = kind === undefined ? undefined : kinds[kind];
  if (kind === undefined || schema === undefined) return [];
  return checkParameterTypes(trigger, { kind, schema, makesObject: makesObject.has(kind) }, path);
}

function checkRetry({ retryStrategy, atLeastOnce }: JsonObject, path: string): Problem[] {
  if (retryStrategy === undefined) return [];
  const problems = checkBackoff(objectOf(retryStrategy), `${path}.retryStrategy`);
  if (atLeastOnce === true) return problems;
  const message = "Argo Events ignores it without atLeastOnce: true, Tiphys retries";
  return [warningAt(`${path}.retryStrategy`, message), ...problems];
}

function checkRate({ rateLimit }: JsonObject, path: string): Problem[] {
  const perUnit = objectOf(rateLimit).requestsPerUnit ?? 0;
  if (rateLimit === undefined || typeof perUnit !== "number" || perUnit >= 1) return [];
  return [errorAt(`${path}.rateLimit.requestsPerUnit`, `${perUnit} must be at least 1`)];
}

/** The template's kind: the first of the known keys, ours or those of `kinds`. */
export function kindOfTemplate(template: JsonObject, kinds: Kinds = {}): string | undefined {
  return kindsOfTemplate(template, kinds)[0];
}

const kindNames: ReadonlySet<string> = new Set(triggerKindNames);

/** In the order in which they count. A template has fewer keys than there are kinds. */
function kindsOfTemplate(template: JsonObject, kinds: Kinds): readonly string[] {
  const isKind = (key: string): boolean => kindNames.has(key) || Object.hasOwn(kinds, key);
  const named = Object.keys(template).filter((key) => isKind(key) && isJsonObject(template[key]));
  return named.length < 2 ? named : triggerNamesOf(kinds).filter((name) => named.includes(name));
}

function checkTemplate(template: JsonObject, trigger: JsonObject, kinds: Kinds, path: string): Problem[] {
  const problems: Problem[] = [];
  if (textOf(template.name) === "") problems.push(errorAt(`${path}.name`, "trigger must define a name"));
  addTo(problems, checkItems(template.conditionsReset, `${path}.conditionsReset`, checkReset));
  const named = kindsOfTemplate(template, kinds);
  if (named.length > 1) {
    problems.push(warningAt(path, `names several triggers (${named.join(", ")}); only ${named[0]} runs`));
  }
  const kind = named[0];
  if (!kind) {
    const message = `names no trigger, so that it cannot run; known: ${triggerNamesOf(kinds).join(", ")}`;
    return [...problems, warningAt(path, message)];
  }
  if (kind === "k8s" || kind === "argoWorkflow") {
    addTo(problems, checkLabelName(textOf(template.name), `${path}.name`, "events.argoproj.io/trigger"));
  }
  addTo(problems, checkKind(trigger, kind, kinds, `${path}.${kind}`));
  return problems;
}

function checkKind(trigger: JsonObject, kind: string, kinds: Kinds, path: string): Problem[] {
  const spec = objectOf(objectOf(trigger.template)[kind]);
  const ruled = checkKindParameters(spec, kind, path);
  const schema = kinds[kind];
  const later = !schema || schema.isPlanned ? [warningAt(path, notYet)] : [];
  const found = schema?.check(spec, path) ?? [];
  if (found.length === 0) {
    addTo(ruled, later);
    return ruled;
  }
  const known = new Set(ruled.map((problem) => problem.path));
  const others = found.filter((problem) => !known.has(problem.path));
  const isSet = setByParameters(trigger, kind);
  // A warning about what parameters change with each event says nothing about what will run.
  const lasting = others.filter(({ severity, path: at }) => severity === "error" || !isSet(at.slice(path.length)));
  return [...ruled, ...lasting, ...later];
}

/** Whether parameters change the field of the kind's block at a path such as `.to[0]`, or what is in it. */
function setByParameters(trigger: JsonObject, kind: string): (at: string) => boolean {
  const own = makesObject.has(kind) ? [] : destsOf(objectOf(trigger.template)[kind]);
  const ofTemplate = destsOf(trigger).filter((dest) => dest.startsWith(`${kind}.`));
  const dests = [...own, ...ofTemplate.map((dest) => dest.slice(kind.length + 1))].map((dest) => `.${dest}`);
  const exact = new Set(dests);
  const within = new Set(dests.flatMap(prefixesOf));
  return (at) => {
    const plain = at.replace(/\[(\d+)\]/g, ".$1");
    return plain !== "" && (within.has(plain) || prefixesOf(plain).some((prefix) => exact.has(prefix)));
  };
}

/** `.a.b` → `.a`, `.a.b`; only the first levels of a long one. */
function prefixesOf(path: string): string[] {
  const parts = path.slice(1).split(".").slice(0, maxLevels);
  return parts.map((_, index) => `.${parts.slice(0, index + 1).join(".")}`);
}

/** No block of a kind is deeper. */
const maxLevels = 10;

const notYet = "is not supported yet";

/** Kinds whose own parameters the original looks at. */
const checkedParameters = new Set([
  "k8s",
  "argoWorkflow",
  "http",
  "awsLambda",
  "openWhisk",
  "custom",
  "slack",
  "email",
]);
const checkedPayload = new Set(["http", "awsLambda", "openWhisk", "custom", "kafka", "nats"]);

function checkKindParameters(spec: JsonObject, kind: string, path: string): Problem[] {
  const problems: Problem[] = [];
  if (checkedParameters.has(kind)) {
    addTo(problems, checkParameterList(spec.parameters, `${path}.parameters`, { isDestRequired: true }));
  }
  if (checkedPayload.has(kind)) {
    const isDestRequired = kind !== "http";
    addTo(problems, checkParameterList(spec.payload, `${path}.payload`, { isDestRequired }));
  }
  return problems;
}

function checkReset(rule: JsonObject, path: string): Problem[] {
  if (!isJsonObject(rule.byTime)) return [errorAt(path, "invalid conditionsReset: byTime is required")];
  const { cron, timezone } = rule.byTime;
  const zone = textOf(timezone);
  const isZone = zone === "" || isTimeZone(zone);
  return [
    ...checkCron(textOf(cron), isZone ? zone : "", `${path}.byTime.cron`),
    ...(isZone ? [] : [errorAt(`${path}.byTime.timezone`, `invalid timezone ${JSON.stringify(zone)}`)]),
  ];
}

/** Any Monday will do: a schedule that is not due within five years from then never is. */
const someTime = instant(Date.UTC(2024, 0, 1));

function checkCron(cron: string, zone: string, path: string): Problem[] {
  try {
    const next = parseCron(cron, path).next(someTime, findTimeZone(zone, path));
    return next === undefined ? [warningAt(path, `${JSON.stringify(cron)} never fires`)] : [];
  } catch (error) {
    return [errorAt(path, `invalid cron expression ${JSON.stringify(cron)}`, messageOf(error).split(": ").at(-1))];
  }
}

function checkPolicy(trigger: JsonObject, path: string): Problem[] {
  if (trigger.policy === undefined) return [];
  const kind = kindOfTemplate(objectOf(trigger.template));
  const policy = objectOf(trigger.policy);
  if (kind === undefined) return [];
  return [
    ...checkPolicyPart(policy.k8s, "labels", "resource labels are not specified", {
      kind,
      kinds: ["k8s", "argoWorkflow"],
      path: `${path}.policy.k8s`,
    }),
    ...checkPolicyPart(policy.status, "allow", "list of allowed response status is not specified", {
      kind,
      kinds: ["http", "awsLambda", "openWhisk"],
      path: `${path}.policy.status`,
    }),
    ...checkBackoff(objectOf(objectOf(policy.k8s).backoff), `${path}.policy.k8s.backoff`),
  ];
}

function checkPolicyPart(
  part: JsonValue | undefined,
  field: string,
  message: string,
  { kind, kinds, path }: { readonly kind: string; readonly kinds: readonly string[]; readonly path: string },
): Problem[] {
  if (part === undefined) return [];
  if (!kinds.includes(kind)) return [warningAt(path, `has no effect for ${kind}: it is for ${kinds.join(", ")}`)];
  // The original does not look at it for openWhisk.
  if (objectOf(part)[field] || kind === "openWhisk") return [];
  return [errorAt(`${path}.${field}`, message)];
}

function checkDlq(trigger: JsonObject, kinds: Kinds, path: string, depth: number): Problem[] {
  const dlq = trigger.dlqTrigger;
  if (!isJsonObject(dlq)) return [];
  const at = `${path}.dlqTrigger`;
  if (depth >= maxDlqDepth) return [errorAt(at, `is nested deeper than ${maxDlqDepth}`)];
  const problems: Problem[] = [];
  if (trigger.atLeastOnce !== true) {
    problems.push(errorAt(at, "to use dlqTrigger, trigger.atLeastOnce must be set to true"));
  }
  if (dlq.atLeastOnce !== true) {
    problems.push(errorAt(`${at}.atLeastOnce`, "atLeastOnce must be set to true within the dlqTrigger"));
  }
  if (depth > 0) problems.push(warningAt(at, "never runs: a dlqTrigger has none of its own"));
  const { conditions } = objectOf(dlq.template);
  if (textOf(conditions) !== "") {
    problems.push(warningAt(`${at}.template.conditions`, "has no effect: it runs when the trigger above has failed"));
  }
  return [...problems, ...checkTrigger(dlq, kinds, at, depth + 1)];
}
