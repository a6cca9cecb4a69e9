import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";

/** Blocks of options of a source that say nothing when all in them is at its default. */
const blocks = ["helm", "kustomize", "directory"] as const;

/**
 * The spec without what says nothing, and with the project that an empty one means, as the original's controller writes it
 * back (spec argo-cd-engine 1.2); the same object when there is nothing to change. `sources` stay as they are.
 */
export function withoutZeroBlocks(spec: JsonObject): JsonObject {
  const changes = specChanges(spec);
  return changes === undefined ? spec : merged(spec, changes);
}

/** The merge patch of `spec` that does it; undefined when there is nothing to change. */
export function specChanges({ project, source, sources, syncPolicy }: JsonObject): JsonObject | undefined {
  const isSingle = isJsonObject(source) && !(Array.isArray(sources) && sources.length > 0);
  const ofSource = isSingle ? sourceChanges(source) : {};
  const changes = {
    ...(project === "" ? { project: "default" } : {}),
    ...(syncPolicy !== undefined && syncPolicy !== null && isZero(syncPolicy) ? { syncPolicy: null } : {}),
    ...(Object.keys(ofSource).length > 0 ? { source: ofSource } : {}),
  };
  return Object.keys(changes).length > 0 ? changes : undefined;
}

function sourceChanges(source: JsonObject): JsonObject {
  return Object.fromEntries(
    blocks.flatMap((name) => {
      const block = source[name];
      return isJsonObject(block) && isZero(block) ? [[name, null]] : [];
    }),
  );
}

/** As Go reads it. What an empty object means by being there (`automated`, `valuesObject`) is not judged: it stays. */
function isZero(value: JsonValue): boolean {
  if (value === null || value === "" || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (!isJsonObject(value)) return false;
  return Object.entries(value).every(([name, child]) => !meansSomething(name, child) && isZero(child));
}

function meansSomething(name: string, value: JsonValue): boolean {
  return isJsonObject(value) && ["automated", "retry", "managedNamespaceMetadata", "valuesObject"].includes(name);
}

/** Of a merge patch as `specChanges` makes them. */
function merged(object: JsonObject, patch: JsonObject): JsonObject {
  const result: Record<string, JsonValue> = { ...object } as Record<string, JsonValue>;
  for (const [name, value] of Object.entries(patch)) {
    const before = result[name];
    if (value === null) delete result[name];
    else result[name] = isJsonObject(value) && isJsonObject(before) ? merged(before, value) : value;
  }
  return result;
}
