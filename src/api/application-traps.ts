import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { nearest } from "../base/nearest.ts";
import type { Problem } from "../base/schema.ts";
import { parseYaml, YamlError } from "../base/yaml.ts";
import { checkJqPath } from "./expression-traps.ts";
import { listOf, objectOf, textOf, warningAt } from "./fields.ts";
import { readRetry } from "./retry-policy.ts";
import { syncOptionProblems } from "./sync-options.ts";

const toolNames = ["helm", "kustomize", "directory", "plugin"] as const;
const refName = /^[a-zA-Z0-9_-]+$/;

/**
 * Warnings about what the original accepts in an Application's spec and does not do as one would think. `path` is where
 * the spec stands: in an ApplicationSet's template, too, so that text with `{{` in it is left alone.
 */
export function specTraps(spec: JsonObject, path: string): Problem[] {
  const noProject = warningAt(`${path}.project`, 'is empty; the project "default" is used');
  return [
    ...(textOf(spec.project) === "" ? [noProject] : []),
    ...sourcesTraps(spec, path),
    ...serverTraps(objectOf(spec.destination), `${path}.destination.server`),
    ...policyTraps(spec, `${path}.syncPolicy`),
    ...listOf(spec.ignoreDifferences).flatMap((rule, index) =>
      ignoreRuleTraps(objectOf(rule), `${path}.ignoreDifferences[${index}]`),
    ),
  ];
}

/** Clusters are found by exactly the URL with which they were added. */
function serverTraps({ server: written, name }: JsonObject, path: string): Problem[] {
  const server = textOf(written);
  if (server === "" || textOf(name) !== "" || isTemplate(server) || /^https?:\/\/./.test(server)) return [];
  const isName = /^[\w-]+$/.test(server);
  const hint = isName ? `write \`name: ${server}\`` : meant(`https://${server.replace(/^(?:\w*:)?\/+/, "")}`);
  return [warningAt(path, `${JSON.stringify(server)} must be the URL of a cluster`, hint)];
}

function sourcesTraps(spec: JsonObject, path: string): Problem[] {
  const problems: Problem[] = [];
  const sources = listOf(spec.sources).map(objectOf);
  const winner = spec.sourceHydrator !== undefined ? "sourceHydrator" : sources.length > 0 ? "sources" : undefined;
  if (winner !== undefined && spec.source !== undefined) {
    problems.push(
      warningAt(`${path}.source`, `has no effect: \`${winner}\` wins`, `remove \`source\` or \`${winner}\``),
    );
  }
  if (winner === "sourceHydrator" && sources.length > 0) {
    problems.push(warningAt(`${path}.sources`, "has no effect: `sourceHydrator` wins"));
  }
  const refs = new Set(sources.flatMap(({ ref }) => (typeof ref === "string" ? [ref] : [])));
  if (spec.source !== undefined) {
    const source = objectOf(spec.source);
    problems.push(...sourceTraps(source, `${path}.source`, refs));
    if (textOf(source.ref) !== "") {
      problems.push(warningAt(`${path}.source.ref`, "has no effect in a single source", "write `sources`"));
    }
  }
  problems.push(...sources.flatMap((source, index) => sourceTraps(source, `${path}.sources[${index}]`, refs)));
  const dry = objectOf(objectOf(spec.sourceHydrator).drySource);
  return [...problems, ...refTraps(sources, path), ...sourceTraps(dry, `${path}.sourceHydrator.drySource`, refs)];
}

function refTraps(sources: readonly JsonObject[], path: string): Problem[] {
  const seen = new Set<string>();
  return sources.flatMap((source, index) => {
    const ref = textOf(source.ref);
    if (ref === "" || isTemplate(ref)) return [];
    const at = `${path}.sources[${index}].ref`;
    if (!refName.test(ref)) return [warningAt(at, `${JSON.stringify(ref)} must be letters, digits, - and _`)];
    if (seen.has(ref)) return [warningAt(at, `${JSON.stringify(ref)} is there twice`)];
    seen.add(ref);
    return [];
  });
}

function sourceTraps(source: JsonObject, path: string, refs: ReadonlySet<string>): Problem[] {
  const folder = textOf(source.path);
  const tools = toolNames.filter((name) => source[name] !== undefined);
  const problems: Problem[] = [];
  if (folder.startsWith("/")) {
    const relative = folder.replace(/^\/+/, "") || ".";
    problems.push(warningAt(`${path}.path`, `${JSON.stringify(folder)} must not begin with "/"`, meant(relative)));
  } else if (!isTemplate(folder) && leavesRoot(folder)) {
    problems.push(warningAt(`${path}.path`, `${JSON.stringify(folder)} leaves the repository`));
  }
  if (folder !== "" && textOf(source.chart) !== "") {
    problems.push(warningAt(`${path}.path`, "has no effect beside `chart`"));
  }
  if (tools.length > 1) {
    problems.push(warningAt(path, `has options of ${tools.join(" and ")}: rendering fails, only one may be there`));
  }
  if (source.helm !== undefined) problems.push(...helmTraps(objectOf(source.helm), `${path}.helm`, refs));
  return [...problems, ...parameterTraps(objectOf(source.plugin), `${path}.plugin`)];
}

function leavesRoot(folder: string): boolean {
  let depth = 0;
  for (const segment of folder.split("/")) {
    if (segment === "..") depth -= 1;
    else if (segment !== "" && segment !== ".") depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

function helmTraps(helm: JsonObject, path: string, refs: ReadonlySet<string>): Problem[] {
  const problems: Problem[] = [];
  const version = textOf(helm.version);
  if (!isTemplate(version) && !["", "v3", "v4"].includes(version)) {
    problems.push(warningAt(`${path}.version`, `${JSON.stringify(version)} must be v3 or v4: rendering fails`));
  }
  if (textOf(helm.values) !== "" && helm.valuesObject !== undefined) {
    problems.push(warningAt(`${path}.values`, "has no effect: `valuesObject` wins"));
  } else if (!isTemplate(textOf(helm.values))) problems.push(...valuesTraps(textOf(helm.values), `${path}.values`));
  for (const [index, file] of textsOf(helm.valueFiles).entries()) {
    const ref = /^\$([^/]+)/.exec(file)?.[1];
    if (ref === undefined || isTemplate(file) || refs.has(ref)) continue;
    const likely = nearest(ref, [...refs]);
    const message = `${JSON.stringify(file)}: no source has \`ref: ${ref}\``;
    problems.push(
      warningAt(`${path}.valueFiles[${index}]`, message, likely === undefined ? likely : meant(`$${likely}`)),
    );
  }
  return problems;
}

function valuesTraps(text: string, path: string): Problem[] {
  try {
    const [values = null] = parseYaml(text);
    const isFit = values === null || isJsonObject(values);
    return isFit ? [] : [warningAt(path, "must be YAML of an object: rendering fails")];
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    return [warningAt(path, `is no YAML, rendering fails: ${error.message}`)];
  }
}

function parameterTraps(plugin: JsonObject, path: string): Problem[] {
  return listOf(plugin.parameters).flatMap((entry, index) => {
    const parameter = objectOf(entry);
    const types = ["string", "map", "array"].filter((type) => parameter[type] !== undefined);
    if (types.length < 2) return [];
    return [warningAt(`${path}.parameters[${index}]`, `has ${types.join(" and ")}: only one is meant to be there`)];
  });
}

function policyTraps(spec: JsonObject, path: string): Problem[] {
  const policy = objectOf(spec.syncPolicy);
  const options = textsOf(policy.syncOptions);
  const problems = syncOptionProblems(options, `${path}.syncOptions`);
  readRetry(objectOf(policy.retry), `${path}.retry`, problems);
  const makesNamespace = options.includes("CreateNamespace=true");
  if (makesNamespace && textOf(objectOf(spec.destination).namespace) === "") {
    const message = "CreateNamespace=true has no effect without `destination.namespace`";
    problems.push(warningAt(`${path}.syncOptions[${options.indexOf("CreateNamespace=true")}]`, message));
  }
  const mayBeTemplate = options.some(isTemplate);
  if (policy.managedNamespaceMetadata !== undefined && !makesNamespace && !mayBeTemplate) {
    const message = "has no effect without the sync option CreateNamespace=true";
    problems.push(warningAt(`${path}.managedNamespaceMetadata`, message));
  }
  return problems;
}

const ruleFields = ["jsonPointers", "jqPathExpressions", "managedFieldsManagers"];

function ignoreRuleTraps(rule: JsonObject, path: string): Problem[] {
  const problems: Problem[] = [];
  if (ruleFields.every((field) => listOf(rule[field]).length === 0)) {
    problems.push(warningAt(path, `names no field, it has no effect: give ${ruleFields.join(", ")}`));
  }
  const group = textOf(rule.group);
  if (group.includes("/") && !isTemplate(group)) {
    const message = `${JSON.stringify(group)} must be a group without its version`;
    problems.push(warningAt(`${path}.group`, message, meant(group.slice(0, group.indexOf("/")))));
  }
  for (const [index, pointer] of textsOf(rule.jsonPointers).entries()) {
    if (pointer.startsWith("/") || isTemplate(pointer)) continue;
    const likely = `/${pointer.replace(/^\./, "").replaceAll(".", "/")}`;
    const message = `${JSON.stringify(pointer)} must begin with "/", it has no effect`;
    problems.push(warningAt(`${path}.jsonPointers[${index}]`, message, meant(likely)));
  }
  for (const [index, text] of textsOf(rule.jqPathExpressions).entries()) {
    if (!isTemplate(text)) problems.push(...checkJqPath(text, `${path}.jqPathExpressions[${index}]`));
  }
  return problems;
}

/** Text that an ApplicationSet fills in. */
export function isTemplate(value: string): boolean {
  return value.includes("{{");
}

function meant(likely: string): string {
  return `did you mean \`${likely}\`?`;
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return listOf(value).filter((item) => typeof item === "string");
}
