import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { createSchema, type Problem } from "../../base/schema.ts";
import { listOf, objectOf, readFields, textOf, warningAt } from "../fields.ts";
import { combinationProblems, plainProblems } from "./application-set-generator-rules.ts";
import {
  childCombinationSchema,
  type GeneratorKind,
  generatorKinds,
  plainGeneratorKinds,
} from "./application-set-generator-schema.ts";
import { templateSchema } from "./application-set-schema.ts";
import { selectorProblems } from "./application-set-selector-rules.ts";
import type { ApplicationSet, Generator, MatchExpression, Selector } from "./application-set-types.ts";

const childShape = createSchema<JsonObject>(childCombinationSchema);

/**
 * The generators of a list of entries, in order: those of the spec, and those of a matrix or merge after the text in them
 * was filled in. Entries that are no objects are left out.
 */
export function generatorsOf(entries: JsonValue | undefined, path: string): readonly Generator[] {
  return listOf(entries).flatMap((entry, index) => (isJsonObject(entry) ? entryOf(entry, `${path}[${index}]`) : []));
}

function entryOf(entry: JsonObject, path: string): Generator[] {
  return kindsOf(entry).map((kind) => {
    const spec = objectOf(entry[kind]);
    // Free-form in the schema, so that its nulls are still there.
    const template = objectOf(readFields(objectOf(spec.template), templateSchema, path, []));
    return {
      kind,
      spec,
      ...(isJsonObject(entry.selector) ? { selector: selectorOf(entry.selector) } : {}),
      ...(Object.keys(template).length > 0 ? { template } : {}),
      path: `${path}.${kind}`,
    };
  });
}

function kindsOf(entry: JsonObject): readonly GeneratorKind[] {
  return generatorKinds.filter((kind) => isJsonObject(entry[kind]));
}

function selectorOf(raw: JsonObject): Selector {
  const labels = Object.entries(objectOf(raw.matchLabels)).map(([key, value]) => [key, textOf(value)] as const);
  return { matchLabels: Object.fromEntries(labels), matchExpressions: matchExpressionsOf(raw.matchExpressions) };
}

export function matchExpressionsOf(value: JsonValue | undefined): readonly MatchExpression[] {
  return listOf(value).map((entry) => {
    const { key, operator, values } = objectOf(entry);
    const texts = listOf(values).filter((item) => typeof item === "string");
    return { key: textOf(key), operator: textOf(operator), values: texts };
  });
}

/** What the original finds out only when it runs the generators (spec argo-cd-surface 1.1, 1.3, 1.4, 1.6). */
export function generatorProblems(set: ApplicationSet): Problem[] {
  const entries = listOf(set.spec.generators).filter(isJsonObject);
  if (Array.isArray(set.spec.generators) && entries.length === 0) {
    return [warningAt("spec.generators", "is empty: no Applications are made, and those that were made are deleted")];
  }
  return entries.flatMap((entry, index) => entryProblems(entry, `spec.generators[${index}]`, set.goTemplate, 0));
}

/** `depth` counts the matrix and merge generators around the entry. */
function entryProblems(entry: JsonObject, path: string, goTemplate: boolean, depth: number): Problem[] {
  const kinds = kindsOf(entry);
  const problems: Problem[] = [];
  if (kinds.length === 0) {
    const known = depth < 2 ? generatorKinds : plainGeneratorKinds;
    problems.push(warningAt(path, `names no generator; expected one of ${known.join(", ")}`));
  }
  if (kinds.length > 1) problems.push(warningAt(path, severalKinds(kinds, depth), severalHint(depth)));
  if (isJsonObject(entry.selector)) problems.push(...selectorProblems(entry.selector, `${path}.selector`, "free"));
  for (const kind of kinds) {
    const spec = objectOf(entry[kind]);
    const at = `${path}.${kind}`;
    if (depth > 0 && spec.template !== undefined) {
      problems.push(
        warningAt(`${at}.template`, "has no effect here: only that of the outermost matrix or merge counts"),
      );
    }
    if (kind === "matrix" || kind === "merge") {
      problems.push(...nestedProblems(kind, spec, at, goTemplate, depth));
    } else problems.push(...plainProblems(kind, spec, at, goTemplate));
  }
  return problems;
}

function severalKinds(kinds: readonly string[], depth: number): string {
  const names = kinds.join(", ");
  return depth === 0
    ? `has several generators (${names}): each makes Applications of its own`
    : `has several generators (${names}): only one may be there`;
}

function severalHint(depth: number): string {
  return depth === 0
    ? "use `matrix` or `merge` to combine them, or write one entry for each"
    : "write one entry for each";
}

function nestedProblems(
  kind: "matrix" | "merge",
  spec: JsonObject,
  path: string,
  goTemplate: boolean,
  depth: number,
): Problem[] {
  if (depth >= 2) return [warningAt(path, "is nested too deep: a matrix or merge may have one level of them inside")];
  const problems: Problem[] = [];
  let children = spec;
  if (depth > 0) {
    // Free-form in the original's CRD, so that it is decoded, and found to be wrong, only when it is used.
    children = objectOf(readFields(spec, childCombinationSchema, path, problems));
    const found = childShape.check(children, path);
    problems.push(...found.map((problem): Problem => ({ ...problem, severity: "warning" })));
  }
  problems.push(...combinationProblems(kind, children, path));
  const entries = listOf(children.generators).filter(isJsonObject);
  const inner = entries.map((entry, index) =>
    entryProblems(entry, `${path}.generators[${index}]`, goTemplate, depth + 1),
  );
  return [...problems, ...inner.flat()];
}
