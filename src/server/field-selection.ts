import type { Request } from "express";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { textParameters } from "./application-query.ts";

/** Paths by their steps; one without steps below it is wanted with all that is in it. */
interface Steps extends Map<string, Steps> {}

const maxFields = 200;
const maxSteps = 20;

/**
 * What `fields` of the query leaves of an answer (spec argo-cd-surface 6.1): `items.metadata.name,items.status.sync` keeps
 * these paths alone, `-items.status.resources,items.metadata` drops them. A path goes through lists. @throws EngineError USAGE
 */
export function selectionOf(request: Request): <T extends object>(answer: T) => T | JsonObject {
  const text = textParameters(request, "fields").join(",").trim();
  if (text === "") return (answer) => answer;
  const isDropping = text.startsWith("-");
  const paths = text
    .split(",")
    .map((path) => path.trim().replace(/^-/, ""))
    .filter((path) => path !== "");
  if (paths.length > maxFields) throw new EngineError("USAGE", `fields: at most ${maxFields} are taken`);
  const steps = stepsOf(paths);
  const select = isDropping ? without : only;
  // As it would be written: what has a `toJSON` is what that gives.
  return (answer) => select(JSON.parse(JSON.stringify(answer)), steps) as JsonObject;
}

function stepsOf(paths: readonly string[]): Steps {
  const root: Steps = new Map();
  for (const path of paths) {
    const parts = path.split(".");
    if (parts.length > maxSteps) throw new EngineError("USAGE", `fields: "${path.slice(0, 100)}" has too many parts`);
    let at = root;
    for (const [index, part] of parts.entries()) {
      const known = at.get(part);
      if (known?.size === 0) break; // all of it is meant already
      const next: Steps = index === parts.length - 1 ? new Map() : (known ?? new Map());
      at.set(part, next);
      at = next;
    }
  }
  return root;
}

function only(value: JsonValue, steps: Steps): JsonValue {
  if (steps.size === 0) return value;
  if (Array.isArray(value)) return value.map((one) => only(one as JsonValue, steps));
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).flatMap(([name, inner]) => {
    const below = steps.get(name);
    return below === undefined || inner === undefined ? [] : [[name, only(inner, below)] as const];
  });
  return Object.fromEntries(kept);
}

function without(value: JsonValue, steps: Steps): JsonValue {
  if (Array.isArray(value)) return value.map((one) => without(one as JsonValue, steps));
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).flatMap(([name, inner]) => {
    const below = steps.get(name);
    if (inner === undefined || below?.size === 0) return [];
    return [[name, below === undefined ? inner : without(inner, below)] as const];
  });
  return Object.fromEntries(kept);
}
