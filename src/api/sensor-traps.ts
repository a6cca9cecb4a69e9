import { messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { allOf, type Condition, parseCondition } from "./condition.ts";
import { checkJqTransform } from "./expression-traps.ts";
import { addTo, checkItems, objectOf, objectsOf, textOf, warningAt } from "./fields.ts";
import { checkParameterTraps, destsOf } from "./parameter-rules.ts";
import { checkStartAt } from "./start-at.ts";
import { batchEventsName, checkTimingTraps } from "./timing-traps.ts";
import { checkPlanned, checkPodTemplate, checkScript, checkSubjectName } from "./trap-rules.ts";
import { kindOfTemplate } from "./trigger-rules.ts";

/** What is accepted of a Sensor's parts together, but does not do what it says. */
export function checkSensorTraps(spec: JsonObject): Problem[] {
  const dependencies = objectsOf(spec.dependencies);
  const triggers = objectsOf(spec.triggers);
  const names = new Set(dependencies.map(({ name }) => textOf(name)).filter((name) => name !== ""));
  const read = triggers.map((trigger, index) => readConditions(trigger, names, `spec.triggers[${index}]`));
  const problems = checkFields(spec);
  addTo(problems, checkItems(dependencies, "spec.dependencies", checkDependency));
  if (names.size < dependencies.length) addTo(problems, checkTwins(dependencies));
  addTo(problems, checkUnused(dependencies, read));
  for (const conditions of read) addTo(problems, conditions.problems);
  addTo(
    problems,
    checkTimingTraps(
      dependencies,
      triggers,
      read.map(({ condition }) => condition),
    ),
  );
  triggers.forEach((trigger, index) => {
    const given = read[index]?.names ?? names;
    const isBatch = objectOf(trigger.template).batch !== undefined;
    const all = isBatch ? new Set([...given, batchEventsName]) : given;
    addTo(problems, checkParametersOf(trigger, all, `spec.triggers[${index}]`));
  });
  addTo(problems, checkSameObjects(triggers));
  return problems;
}

function checkFields(spec: JsonObject): Problem[] {
  const problems = checkPlanned(spec, ["shared"], "spec");
  addTo(problems, checkStartAt(spec.startAt));
  addTo(problems, checkUnread(spec));
  addTo(problems, checkPodTemplate(spec));
  return problems;
}

/** Fields that the original declares and reads nowhere. */
function checkUnread({ errorOnFailedRound, loggingFields }: JsonObject): Problem[] {
  const problems: Problem[] = [];
  if (errorOnFailedRound === true) {
    const message = "has no effect, in Argo Events neither: a failure stops nothing";
    problems.push(warningAt("spec.errorOnFailedRound", message));
  }
  if (Object.keys(objectOf(loggingFields)).length > 0) {
    problems.push(warningAt("spec.loggingFields", "has no effect, in Argo Events neither"));
  }
  return problems;
}

const unfitScript = { failing: "each event is an error", nothing: "each event is an error" };

function checkDependency(dependency: JsonObject, path: string): Problem[] {
  const { jq, script } = objectOf(dependency.transform);
  const problems: Problem[] = [];
  addTo(problems, checkSubjectName(textOf(dependency.eventSourceName), `${path}.eventSourceName`));
  addTo(problems, checkSubjectName(textOf(dependency.eventName), `${path}.eventName`));
  addTo(problems, checkJqTransform(textOf(jq), `${path}.transform.jq`));
  if (textOf(jq) !== "" && textOf(script) !== "") {
    problems.push(warningAt(`${path}.transform.script`, "has no effect beside jq"));
  } else {
    addTo(problems, checkScript(script, `${path}.transform.script`, unfitScript));
  }
  return problems;
}

/** Of dependencies with one name the last one counts (spec argo-events 2.5). */
function checkTwins(dependencies: readonly JsonObject[]): Problem[] {
  const last = new Map(dependencies.map(({ name }, index) => [textOf(name), index]));
  return dependencies.flatMap(({ name: written }, index) => {
    const name = textOf(written);
    const winner = last.get(name) ?? index;
    if (name === "" || winner === index) return [];
    const message = `has the name ${JSON.stringify(name)} of spec.dependencies[${winner}], which takes its place`;
    return [warningAt(`spec.dependencies[${index}].name`, message)];
  });
}

interface ReadConditions {
  /** Undefined where the text does not parse. */
  readonly condition?: Condition;
  /** The dependencies whose events the trigger may get. */
  readonly names: ReadonlySet<string>;
  readonly problems: readonly Problem[];
}

function readConditions(trigger: JsonObject, names: ReadonlySet<string>, path: string): ReadConditions {
  const text = textOf(objectOf(trigger.template).conditions).trim();
  if (text === "") return { condition: allOf([...names]), names, problems: [] };
  const at = `${path}.template.conditions`;
  let condition: Condition;
  try {
    condition = parseCondition(text);
  } catch (error) {
    return { names, problems: [warningAt(at, `${messageOf(error)}: the trigger never fires`)] };
  }
  const named = new Set(condition.names);
  const unknown = condition.names.filter((name) => !names.has(name));
  if (unknown.length === 0) return { condition, names: named, problems: [] };
  const there = names.size === 0 ? "there is none" : `there is ${[...names].join(", ")}`;
  const problems = unknown.map((name) =>
    warningAt(at, `${JSON.stringify(name)} is not a dependency (${there}): the trigger never fires`),
  );
  return { condition, names: named, problems };
}

/** Only where every condition is understood: a name may be meant where one is not. */
function checkUnused(dependencies: readonly JsonObject[], read: readonly ReadConditions[]): Problem[] {
  if (read.length === 0 || read.some(({ condition }) => !condition)) return [];
  const used = new Set(read.flatMap(({ condition }) => condition?.names ?? []));
  return dependencies.flatMap(({ name: written }, index) => {
    const name = textOf(written);
    if (name === "" || used.has(name)) return [];
    const message = `${JSON.stringify(name)} is in the conditions of no trigger: its events do nothing`;
    return [warningAt(`spec.dependencies[${index}].name`, message)];
  });
}

/** Deeper dlqTriggers are refused elsewhere. */
const maxDlqDepth = 10;

function checkParametersOf(trigger: JsonObject, names: ReadonlySet<string>, path: string, depth = 0): Problem[] {
  const kind = kindOfTemplate(objectOf(trigger.template));
  const own = checkParameterTraps(trigger, kind, names, path);
  if (depth >= maxDlqDepth || trigger.dlqTrigger === undefined) return own;
  // It gets the events of the trigger above.
  return [...own, ...checkParametersOf(objectOf(trigger.dlqTrigger), names, `${path}.dlqTrigger`, depth + 1)];
}

/** Triggers that create one object under one name: the second finds it there and fails. */
function checkSameObjects(triggers: readonly JsonObject[]): Problem[] {
  const seen = new Map<string, string>();
  return triggers.flatMap((trigger, index) => {
    const created = createdObject(trigger);
    if (created === undefined) return [];
    const path = `spec.triggers[${index}].template.k8s.source.resource.metadata.name`;
    const first = seen.get(created);
    seen.set(created, first ?? path);
    if (first === undefined) return [];
    const name = created.slice(created.lastIndexOf("/") + 1);
    const message = `${JSON.stringify(name)} is created by ${first.slice(0, first.indexOf(".template"))}, too: one of them fails`;
    return [warningAt(path, message, "write `generateName` instead")];
  });
}

/** `apiVersion/kind/namespace/name` of what a trigger creates, where events do not change the name. */
function createdObject(trigger: JsonObject): string | undefined {
  const template = objectOf(trigger.template);
  const k8s = objectOf(template.k8s);
  const { apiVersion, kind, metadata } = objectOf(objectOf(k8s.source).resource);
  const { name, namespace } = objectOf(metadata);
  const isCreate = (textOf(k8s.operation) || "create") === "create";
  if (!isCreate || textOf(name) === "") return undefined;
  const isChanged = [...destsOf(k8s), ...destsOf(trigger).map((dest) => dest.replace(/^k8s\.source\.resource\./, ""))]
    .map((dest) => dest.split(".").slice(0, 2).join("."))
    .some((dest) => ["metadata", "metadata.name", "metadata.namespace", "apiVersion", "kind"].includes(dest));
  return isChanged ? undefined : [apiVersion, kind, namespace, name].map((part) => textOf(part)).join("/");
}
