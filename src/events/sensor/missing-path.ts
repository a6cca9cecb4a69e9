import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { nearest } from "../../base/nearest.ts";

/** Of names that are told. */
const maxNames = 8;
const maxNameLength = 40;

/**
 * What there is where a path that was not found leaves the data, and what was likely meant, to go behind a message; empty
 * for a path that is more than keys and indexes. Names only, no values: they may be secret.
 */
export function whatIsThere(path: string, data: JsonValue): string {
  if (/[*?#|@!{[\]]|^\$|\.\./.test(path)) return "";
  const parts = (path.match(/(?:\\.|[^.\\])+/gs) ?? []).map((raw) => raw.replaceAll(/\\(.)/gs, "$1"));
  let at = data;
  for (const [index, part] of parts.entries()) {
    const child = childOf(at, part);
    if (child === undefined) return `: ${told(parts.slice(0, index), part, at)}`;
    at = child;
  }
  return "";
}

function childOf(value: JsonValue, part: string): JsonValue | undefined {
  if (Array.isArray(value)) return /^\d{1,15}$/.test(part) ? value[Number(part)] : undefined;
  return isJsonObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
}

function told(before: readonly string[], part: string, at: JsonValue): string {
  const where = before.length === 0 ? "the data" : quoted(before);
  if (Array.isArray(at)) return `${where} is a list of ${at.length}`;
  if (!isJsonObject(at))
    return `${where} is ${at === null ? "null" : `a ${typeof at === "bigint" ? "number" : typeof at}`}`;
  const names = Object.keys(at);
  if (names.length === 0) return `${where} is empty`;
  const near = nearest(part, names.slice(0, 100));
  const hint = near === undefined ? "" : `; did you mean ${quoted([...before, near])}?`;
  const more = names.length > maxNames ? `, and ${names.length - maxNames} more` : "";
  return `${where} has ${names.slice(0, maxNames).map(shortName).join(", ")}${more}${hint}`;
}

/** As it is written in a path, where it can be: in the original's single quotes. */
function quoted(parts: readonly string[]): string {
  return `'${parts.map((part) => shortName(part.replaceAll(/[.*?|#@!{}()[\]\\]/g, "\\$&"))).join(".")}'`;
}

function shortName(name: string): string {
  return name.length > maxNameLength ? `${name.slice(0, maxNameLength).toWellFormed()}…` : name;
}
