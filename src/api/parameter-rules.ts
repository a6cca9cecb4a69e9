import { messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { changesOnly, checkSjsonPath } from "../base/sjson.ts";
import { checkDestTraps, type DestOwner } from "./destination-traps.ts";
import { addTo, checkItems, errorAt, listOf, objectOf, textOf, warningAt } from "./fields.ts";
import { checkHeaderList, firstOfHeader } from "./header-traps.ts";
import { checkContextKey, checkSensorTemplate } from "./template-traps.ts";
import { checkEventPath } from "./trap-rules.ts";

const operations = ["", "append", "overwrite", "prepend"];

/** What the original refuses about a list of parameters (spec argo-events 6.7). */
export function checkParameterList(
  list: JsonValue | undefined,
  path: string,
  { isDestRequired }: { readonly isDestRequired: boolean },
): Problem[] {
  return checkItems(list, path, ({ src, dest, operation }, at) => {
    const problems: Problem[] = [];
    if (!isJsonObject(src)) problems.push(errorAt(`${at}.src`, "parameter source can't be empty"));
    else if (textOf(src.dependencyName) === "") {
      problems.push(errorAt(`${at}.src.dependencyName`, "parameter dependency name can't be empty"));
    }
    if (isDestRequired && textOf(dest) === "") {
      problems.push(errorAt(`${at}.dest`, "parameter destination can't be empty"));
    }
    if (!operations.includes(textOf(operation))) {
      const message = `parameter operation ${textOf(operation)} is invalid`;
      problems.push(errorAt(`${at}.operation`, message, "one of overwrite, append, prepend"));
    }
    return problems;
  });
}

/** The trigger's own parameters, which change its template. */
export function checkTriggerParameters({ parameters, template }: JsonObject, path: string): Problem[] {
  if (parameters === undefined) return [];
  const at = `${path}.parameters`;
  const isHere = new Set(Object.keys(objectOf(template)));
  const strays = listOf(parameters).flatMap((entry, index) => {
    const dest = textOf(objectOf(entry).dest);
    const first = /^[A-Za-z0-9]+(?=\.|$)/.exec(dest)?.[0];
    if (first === undefined || isHere.has(first) || plainFields.has(first)) return [];
    const message = `${JSON.stringify(dest)} is not in the template, which has ${[...isHere].join(", ")}`;
    const kind = [...isHere].find((name) => isJsonObject(objectOf(template)[name]));
    const hint =
      kind === undefined ? undefined : `paths begin with the kind, or belong to \`template.${kind}.parameters\``;
    return [warningAt(`${at}[${index}].dest`, message, hint)];
  });
  return [...checkParameterList(parameters, at, { isDestRequired: true }), ...strays];
}

/** Fields of a template that a parameter may add. */
const plainFields: ReadonlySet<string> = new Set(["name", "conditions", "conditionsReset"]);

/** Where the parameters of a trigger or of a kind put their values. */
export function destsOf(owner: JsonValue | undefined): string[] {
  return listOf(objectOf(owner).parameters)
    .map((entry) => textOf(objectOf(entry).dest))
    .filter((dest) => dest !== "");
}

/**
 * What of a trigger's parameters can give no value, or has no place to go. `names` are the dependencies whose events it
 * gets.
 */
export function checkParameterTraps(
  trigger: JsonObject,
  kind: string | undefined,
  names: ReadonlySet<string>,
  path: string,
): Problem[] {
  const spec = kind === undefined ? {} : objectOf(objectOf(trigger.template)[kind]);
  const own = ["parameters", "payload", "dynamicHeaders"] as const;
  const problems = checkEntries(trigger.parameters, names, `${path}.parameters`, "template");
  for (const field of own) {
    if (kind === undefined || spec[field] === undefined) continue;
    const of = field === "parameters" ? { kind, makesObject: makesObject.has(kind) } : field;
    addTo(problems, checkEntries(spec[field], names, `${path}.template.${kind}.${field}`, of));
  }
  return problems;
}

/** Whose destinations they are: a header's is its name. */
type ListOf = DestOwner | "dynamicHeaders";

/** Kinds whose own parameters change an object instead of the block. */
export const makesObject: ReadonlySet<string> = new Set(["k8s", "argoWorkflow", "custom"]);

function checkEntries(list: JsonValue | undefined, names: ReadonlySet<string>, path: string, of: ListOf): Problem[] {
  return checkItems(list, path, ({ src, dest, operation }, at) => {
    const problems = checkSource(objectOf(src), names, `${at}.src`);
    if (of !== "dynamicHeaders") addTo(problems, checkDest(textOf(dest), `${at}.dest`, of));
    if (of === "payload" && /^(?:append|prepend)$/.test(textOf(operation))) {
      problems.push(warningAt(`${at}.operation`, `${operation} has no effect in a payload: the value is set`));
    }
    return problems;
  });
}

function checkSource(src: JsonObject, names: ReadonlySet<string>, path: string): Problem[] {
  const problems = checkTexts(src, path);
  const name = textOf(src.dependencyName);
  if (name !== "" && !names.has(name)) problems.push(noDependency(name, names, `${path}.dependencyName`));
  addTo(problems, checkUnread(src, path));
  return problems;
}

function noDependency(name: string, names: ReadonlySet<string>, path: string): Problem {
  const there = names.size === 0 ? "it has none" : `there is ${[...names].join(", ")}`;
  return warningAt(path, `${JSON.stringify(name)} is no dependency of this trigger (${there}): it never gives a value`);
}

/** With a selector of the data those of the context are not read. */
function checkUnread(src: JsonObject, path: string): Problem[] {
  if (textOf(src.dataKey) === "" && textOf(src.dataTemplate) === "") return [];
  return ["contextKey", "contextTemplate"]
    .filter((field) => textOf(src[field]) !== "")
    .map((field) => warningAt(`${path}.${field}`, "has no effect beside dataKey and dataTemplate"));
}

function checkTexts(src: JsonObject, path: string): Problem[] {
  const problems: Problem[] = [];
  for (const input of ["context", "data"] as const) {
    const template = src[`${input}Template`];
    if (template !== undefined) addTo(problems, checkSensorTemplate(template, `${path}.${input}Template`, input));
  }
  if (problems.length === 0) addTo(problems, checkContextKey(src.contextKey, `${path}.contextKey`));
  for (const field of ["contextKey", "dataKey"]) {
    if (src[field] !== undefined) addTo(problems, checkEventPath(src[field], `${path}.${field}`));
  }
  if (src.useRawData !== true && textOf(src.dataTemplate) === "") {
    const becomes = 'and goes in as a text such as `["push"]`';
    addTo(problems, checkHeaderList(firstOfHeader(src.dataKey), `${path}.dataKey`, becomes));
  }
  return problems;
}

const maxDestLength = 1_000;

function checkDest(dest: string, path: string, of: DestOwner): Problem[] {
  if (dest === "") return [];
  // Setting a path makes what is on its way, which takes long for a long one.
  if (dest.length > maxDestLength) return [warningAt(path, `is longer than ${maxDestLength} characters`)];
  try {
    checkSjsonPath(dest);
  } catch (error) {
    return [warningAt(path, messageOf(error), "a path such as `a.b.0`; `\\.` is a dot")];
  }
  const unset = checkUnset(dest, path, of);
  return unset.length > 0 ? unset : checkDestTraps(dest, of, path);
}

/** Destinations that change what is there already and add nothing, without an error. */
function checkUnset(dest: string, path: string, of: DestOwner): Problem[] {
  if (!changesOnly(dest)) return [];
  const text = JSON.stringify(dest);
  const plain = dest.replaceAll(/\\./gs, "");
  if (plain.includes("|")) return [warningAt(path, `${text} has no effect: nothing is set behind |`, escapeHint)];
  const isKey =
    plain.includes("@") || plain.split(".").some((part) => /[^#]#|^#[^#(]/.test(part) && !part.includes("("));
  if (isKey) return [warningAt(path, `${text} changes only what is there already, since it has @ or #`, escapeHint)];
  if (of !== "payload") return [];
  return [warningAt(path, `${text} has no effect at the start of a payload: *, ? and # find only what is set before`)];
}

const escapeHint = "a backslash before it makes it part of the key: `\\@`, `\\#`, `\\|`";
