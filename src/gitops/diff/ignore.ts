import type { IgnoreRule } from "../../api/application-types.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import type { KubeObject } from "../../objects/object.ts";
import { groupOf } from "./diff.ts";
import { deleteJqPath } from "./jq-paths.ts";
import { ownedBy } from "./last-applied.ts";

interface Compared {
  readonly predicted: JsonObject;
  readonly live: JsonObject;
}

/**
 * Both sides without the fields that rules of the Application leave out (spec argo-cd-engine 3.6). They hide differences
 * only: a sync still writes the target's values.
 */
export function ignoreDifferences(sides: Compared, live: KubeObject, rules: readonly IgnoreRule[]): Compared {
  const matching = rules.filter((rule) => matchesRule(rule, live));
  const removals = matching.flatMap(removalsOf);
  const managers = new Set(matching.flatMap(({ managedFieldsManagers = [] }) => managedFieldsManagers));
  const without = (object: JsonObject): JsonObject => removals.reduce((rest, remove) => remove(rest), object);
  const owned = [...managers].flatMap((manager) => ownedBy(live, manager));
  const predicted = owned.reduce<JsonObject>(
    (rest, fields) => objectOf(takeOver(rest, sides.live, fields)),
    sides.predicted,
  );
  return { predicted: without(predicted), live: without(sides.live) };
}

type Removal = (object: JsonObject) => JsonObject;

function removalsOf({ jsonPointers = [], jqPathExpressions = [] }: IgnoreRule): readonly Removal[] {
  return [
    ...jsonPointers.map((pointer): Removal => {
      const path = pointerPath(pointer);
      return (object) => objectOf(removeAt(object, path));
    }),
    ...jqPathExpressions.map(
      (path): Removal =>
        (object) =>
          deleteJqPath(object, path),
    ),
  ];
}

function matchesRule(rule: IgnoreRule, { apiVersion, kind, metadata }: KubeObject): boolean {
  const glob = (pattern: string, text: string) => compilePathGlob(pattern, { dialect: "gobwas" })(text);
  if (!glob(rule.group ?? "", groupOf({ apiVersion })) || !glob(rule.kind, kind)) return false;
  if (rule.name && rule.name !== metadata.name) return false;
  return !rule.namespace || rule.namespace === metadata.namespace;
}

/** RFC 6901 */
function pointerPath(pointer: string): readonly string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** A path that is not there changes nothing. */
function removeAt(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  const [key, ...rest] = path;
  if (key === undefined || value === undefined) return value;
  if (Array.isArray(value)) {
    const index = /^\d+$/.test(key) ? Number(key) : -1;
    if (rest.length === 0) return value.filter((_, at) => at !== index);
    return value.map((item, at) => (at === index ? (removeAt(item, rest) ?? null) : item));
  }
  if (!isJsonObject(value) || !Object.hasOwn(value, key)) return value;
  const { [key]: child, ...others } = value;
  if (rest.length === 0) return others;
  return { ...value, [key]: removeAt(child, rest) ?? null };
}

/** Where `fields` names a value that both sides have, the live one counts. Lists are taken whole. */
function takeOver(predicted: JsonValue, live: JsonValue | undefined, fields: JsonValue | undefined): JsonValue {
  if (live === undefined || fields === undefined) return predicted;
  if (!isJsonObject(predicted) || !isJsonObject(live) || !isJsonObject(fields)) return live;
  const entries = Object.entries(predicted).map(([key, value]): [string, JsonValue] => {
    return [key, Object.hasOwn(fields, key) ? takeOver(value, live[key], fields[key]) : value];
  });
  return Object.fromEntries(entries);
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
