import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Problem, Schema } from "../base/schema.ts";
import { errorAt, listOf, objectOf, textOf, warningAt } from "./fields.ts";
import { isTimeZone } from "./filter-rules.ts";
import { triggerKindNames } from "./sensor-schema.ts";
import { checkKindRules } from "./trigger-kind-rules.ts";

type Kinds = Readonly<Record<string, Schema<unknown>>>;

const operations = new Set(["", "append", "overwrite", "prepend"]);
/** Deeper dlqTriggers of dlqTriggers are refused. */
const maxDlqDepth = 10;

/** What the original refuses about a trigger (spec argo-events 6.7), in its order, and what is worth a warning. */
export function checkTrigger(trigger: JsonObject, kinds: Kinds, path: string, dlqDepth = 0): Problem[] {
  const problems: Problem[] = [];
  if (!isJsonObject(trigger.template)) problems.push(errorAt(`${path}.template`, "trigger template can't be nil"));
  else problems.push(...checkTemplate(trigger.template, kinds, `${path}.template`));
  problems.push(...checkPolicy(trigger, path));
  problems.push(...checkParameterList(trigger.parameters, `${path}.parameters`, { isDestRequired: true }));
  if (trigger.retryStrategy !== undefined && trigger.atLeastOnce !== true) {
    problems.push(
      warningAt(`${path}.retryStrategy`, "Argo Events ignores it without atLeastOnce: true, Tiphys retries"),
    );
  }
  const perUnit = objectOf(trigger.rateLimit).requestsPerUnit ?? 0;
  if (trigger.rateLimit !== undefined && typeof perUnit === "number" && perUnit < 1) {
    problems.push(errorAt(`${path}.rateLimit.requestsPerUnit`, `${perUnit} must be at least 1`));
  }
  problems.push(...checkDlq(trigger, kinds, path, dlqDepth));
  return problems;
}

/** The template's kind: the first of the known keys. */
export function kindOfTemplate(template: JsonObject): string | undefined {
  return triggerKindNames.find((name) => isJsonObject(template[name]));
}

function checkTemplate(template: JsonObject, kinds: Kinds, path: string): Problem[] {
  const problems: Problem[] = [];
  if (textOf(template.name) === "") problems.push(errorAt(`${path}.name`, "trigger must define a name"));
  for (const [index, rule] of listOf(template.conditionsReset).entries()) {
    problems.push(...checkReset(objectOf(rule), `${path}.conditionsReset[${index}]`));
  }
  const named = triggerKindNames.filter((name) => isJsonObject(template[name]));
  if (named.length > 1) {
    problems.push(warningAt(path, `names several triggers (${named.join(", ")}); only ${named[0]} runs`));
  }
  const kind = named[0];
  if (!kind) {
    const message = `names no trigger, so that it cannot run; known: ${triggerKindNames.join(", ")}`;
    return [...problems, warningAt(path, message)];
  }
  return [...problems, ...checkKind(objectOf(template[kind]), kind, kinds, `${path}.${kind}`)];
}

function checkKind(spec: JsonObject, kind: string, kinds: Kinds, path: string): Problem[] {
  const problems = checkKindParameters(spec, kind, path);
  const schema = kinds[kind];
  if (schema) return [...problems, ...schema.check(spec, path)];
  return [...problems, ...checkKindRules(spec, kind, path), warningAt(path, "is not supported yet")];
}

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
    problems.push(...checkParameterList(spec.parameters, `${path}.parameters`, { isDestRequired: true }));
  }
  if (checkedPayload.has(kind)) {
    const isDestRequired = kind !== "http";
    problems.push(...checkParameterList(spec.payload, `${path}.payload`, { isDestRequired }));
  }
  return problems;
}

function checkReset(rule: JsonObject, path: string): Problem[] {
  if (!isJsonObject(rule.byTime)) return [errorAt(path, "invalid conditionsReset: byTime is required")];
  const { cron, timezone } = rule.byTime;
  const problems: Problem[] = [];
  if (textOf(cron).trim().split(/\s+/).length !== 5) {
    problems.push(errorAt(`${path}.byTime.cron`, `invalid cron expression ${JSON.stringify(cron)}`));
  }
  const zone = textOf(timezone);
  if (zone !== "" && !isTimeZone(zone)) {
    problems.push(errorAt(`${path}.byTime.timezone`, `invalid timezone ${JSON.stringify(zone)}`));
  }
  return problems;
}

function checkPolicy(trigger: JsonObject, path: string): Problem[] {
  const kind = kindOfTemplate(objectOf(trigger.template));
  const policy = objectOf(trigger.policy);
  const problems: Problem[] = [];
  if ((kind === "k8s" || kind === "argoWorkflow") && policy.k8s !== undefined && !objectOf(policy.k8s).labels) {
    problems.push(errorAt(`${path}.policy.k8s.labels`, "resource labels are not specified"));
  }
  if ((kind === "http" || kind === "awsLambda") && policy.status !== undefined && !objectOf(policy.status).allow) {
    problems.push(errorAt(`${path}.policy.status.allow`, "list of allowed response status is not specified"));
  }
  return problems;
}

function checkParameterList(
  list: JsonValue | undefined,
  path: string,
  { isDestRequired }: { readonly isDestRequired: boolean },
): Problem[] {
  return listOf(list).flatMap((entry, index) => {
    const at = `${path}[${index}]`;
    const { src, dest, operation } = objectOf(entry);
    const problems: Problem[] = [];
    if (!isJsonObject(src)) problems.push(errorAt(`${at}.src`, "parameter source can't be empty"));
    else if (textOf(src.dependencyName) === "") {
      problems.push(errorAt(`${at}.src.dependencyName`, "parameter dependency name can't be empty"));
    }
    if (isDestRequired && textOf(dest) === "") {
      problems.push(errorAt(`${at}.dest`, "parameter destination can't be empty"));
    }
    if (!operations.has(textOf(operation))) {
      problems.push(errorAt(`${at}.operation`, `parameter operation ${textOf(operation)} is invalid`));
    }
    return problems;
  });
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
  return [...problems, ...checkTrigger(dlq, kinds, at, depth + 1)];
}
