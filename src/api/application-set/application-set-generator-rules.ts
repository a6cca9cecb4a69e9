import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";
import { compileRegex } from "../../base/regex.ts";
import type { Problem } from "../../base/schema.ts";
import { parseYaml } from "../../base/yaml.ts";
import { didYouMean } from "../application-metadata-rules.ts";
import { isTemplate } from "../application-traps.ts";
import { listOf, objectOf, textOf, warningAt } from "../fields.ts";
import type { GeneratorKind } from "./application-set-generator-schema.ts";
import { pullRequestProviderNames, scmProviderNames } from "./application-set-scm-schema.ts";
import { selectorProblems } from "./application-set-selector-rules.ts";

/** What stops a matrix or merge when it runs, in the words of the original (spec argo-cd-surface 1.6). */
export function combinationProblems(kind: "matrix" | "merge", spec: JsonObject, path: string): Problem[] {
  const count = listOf(spec.generators).length;
  const at = `${path}.generators`;
  const problems: Problem[] = [];
  if (count < 2) {
    const expected = kind === "matrix" ? "Matrix support only two" : "Merge requires two or more";
    problems.push(warningAt(at, `found less than two generators, ${expected}`));
  }
  if (kind === "matrix" && count > 2) {
    problems.push(warningAt(at, "found more than two generators, Matrix support only two", "nest a second `matrix`"));
  }
  if (kind === "merge" && listOf(spec.mergeKeys).length === 0) {
    problems.push(warningAt(`${path}.mergeKeys`, "no merge keys were specified, Merge requires at least one"));
  }
  return problems;
}

/** What stops one generator that uses no others, or makes it do nothing (1.4). */
export function plainProblems(kind: GeneratorKind, spec: JsonObject, path: string, goTemplate: boolean): Problem[] {
  switch (kind) {
    case "list":
      return listProblems(spec, path, goTemplate);
    case "clusters":
      return selectorProblems(objectOf(spec.selector), `${path}.selector`, "labels");
    case "git":
      return gitProblems(spec, path);
    case "clusterDecisionResource":
      return decisionProblems(spec, path);
    case "scmProvider":
      return scmProblems(spec, path);
    case "pullRequest":
      return pullRequestProblems(spec, path);
    case "plugin":
    case "matrix":
    case "merge":
      return [];
  }
}

/** Elements beyond these are checked when they are used. */
const maxElements = 1_000;

function listProblems(spec: JsonObject, path: string, goTemplate: boolean): Problem[] {
  const elements = listOf(spec.elements).slice(0, maxElements);
  const problems = elements.flatMap((element, index) => {
    return elementProblems(element, `${path}.elements[${index}]`, goTemplate);
  });
  const text = textOf(spec.elementsYaml);
  if (text === "" || isTemplate(text)) {
    const isEmpty = text === "" && elements.length === 0;
    return isEmpty ? [...problems, warningAt(path, "has no elements: it gives no sets")] : problems;
  }
  const document = yamlOf(text);
  if (document !== undefined && Array.isArray(document) && document.every(isJsonObject)) return problems;
  return [...problems, warningAt(`${path}.elementsYaml`, "must be YAML of a list of objects")];
}

function elementProblems(element: JsonValue, path: string, goTemplate: boolean): Problem[] {
  if (!isJsonObject(element)) return [warningAt(path, `${shown(element)} must be an object`)];
  if (goTemplate) return [];
  const fields = Object.entries(element).flatMap(([key, value]) =>
    key === "values" && isJsonObject(value)
      ? Object.entries(value).map(([name, inner]) => [`values.${name}`, inner] as const)
      : [[key, value] as const],
  );
  return fields.flatMap(([key, value]) => {
    if (typeof value === "string") return [];
    return [warningAt(`${path}.${key}`, `${shown(value)} must be a string without goTemplate`, "quote it")];
  });
}

function gitProblems(spec: JsonObject, path: string): Problem[] {
  const problems: Problem[] = [];
  const [folders, files] = [listOf(spec.directories), listOf(spec.files)];
  if (folders.length === 0 && files.length === 0) {
    problems.push(warningAt(path, "must have directories or files"));
  }
  if (folders.length > 0 && files.length > 0) {
    problems.push(warningAt(`${path}.files`, "has no effect: `directories` wins"));
  }
  for (const [field, items] of [
    ["directories", folders],
    ["files", files],
  ] as const) {
    if (items.length > 0 && items.every((item) => objectOf(item).exclude === true)) {
      problems.push(warningAt(`${path}.${field}`, "only excludes: nothing is taken"));
    }
  }
  for (const [index, folder] of folders.entries()) {
    const pattern = textOf(objectOf(folder).path);
    if (!pattern.includes("**")) continue;
    const message = `${JSON.stringify(pattern)}: ** is no more than *, it stays within one segment`;
    problems.push(warningAt(`${path}.directories[${index}].path`, message));
  }
  return problems;
}

function decisionProblems(spec: JsonObject, path: string): Problem[] {
  const selector = objectOf(spec.labelSelector);
  const hasSelector = Object.keys(selector).length > 0;
  const problems = selectorProblems(selector, `${path}.labelSelector`, "labels");
  const hasName = textOf(spec.name) !== "";
  if (hasName && hasSelector) problems.push(warningAt(path, "has both name and labelSelector: only one may be there"));
  if (!hasName && !hasSelector) problems.push(warningAt(path, "must have name or labelSelector"));
  return problems;
}

function scmProblems(spec: JsonObject, path: string): Problem[] {
  const protocol = textOf(spec.cloneProtocol);
  const known = spec.awsCodeCommit === undefined ? ["ssh", "https"] : ["ssh", "https", "https-fips"];
  const problems = providerProblems(spec, scmProviderNames, path);
  if (protocol !== "" && !isTemplate(protocol) && !known.includes(protocol)) {
    const message = `${JSON.stringify(protocol)} must be one of ${known.join(", ")}`;
    problems.push(warningAt(`${path}.cloneProtocol`, message, didYouMean(nearest(protocol, known))));
  }
  return [...problems, ...filterProblems(spec, ["repositoryMatch", "branchMatch", "labelMatch"], path)];
}

const pullRequestStates = ["", "opened", "closed", "merged", "locked"];

function pullRequestProblems(spec: JsonObject, path: string): Problem[] {
  const state = textOf(objectOf(spec.gitlab).pullRequestState);
  const problems = providerProblems(spec, pullRequestProviderNames, path);
  if (!isTemplate(state) && !pullRequestStates.includes(state)) {
    const message = `${JSON.stringify(state)} must be one of ${pullRequestStates.slice(1).join(", ")}`;
    problems.push(warningAt(`${path}.gitlab.pullRequestState`, message, didYouMean(nearest(state, pullRequestStates))));
  }
  return [...problems, ...filterProblems(spec, ["branchMatch", "targetBranchMatch", "titleMatch"], path)];
}

function providerProblems(spec: JsonObject, names: readonly string[], path: string): Problem[] {
  const providers = names.filter((name) => spec[name] !== undefined);
  const problems: Problem[] = [];
  if (providers.length === 0) problems.push(warningAt(path, `names no provider; expected one of ${names.join(", ")}`));
  if (providers.length > 1)
    problems.push(warningAt(path, `has several providers (${providers.join(", ")}): one is used`));
  for (const name of providers) {
    const provider = objectOf(spec[name]);
    if (provider.basicAuth === undefined || provider.bearerToken === undefined) continue;
    problems.push(warningAt(`${path}.${name}`, "has both basicAuth and bearerToken: one is used"));
  }
  return problems;
}

function filterProblems(spec: JsonObject, fields: readonly string[], path: string): Problem[] {
  return listOf(spec.filters).flatMap((entry, index) => {
    const filter = objectOf(entry);
    const at = `${path}.filters[${index}]`;
    if (Object.keys(filter).length === 0) return [warningAt(at, "is empty: it has no effect")];
    return fields.flatMap((field) => {
      const pattern = textOf(filter[field]);
      if (pattern === "" || isTemplate(pattern)) return [];
      try {
        compileRegex(pattern);
        return [];
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        return [warningAt(`${at}.${field}`, error.message)];
      }
    });
  });
}

/** Undefined when it is not YAML. */
export function yamlOf(text: string): unknown {
  try {
    return parseYaml(text)[0];
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return undefined;
  }
}

function shown(value: JsonValue): string {
  if (isJsonObject(value)) return "an object";
  return Array.isArray(value) ? "a list" : JSON.stringify(value);
}
