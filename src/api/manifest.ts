import { TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { parseYamlDocuments, YamlError } from "../base/yaml.ts";

/** One object of a file, with where it starts. */
export interface Manifest {
  readonly file: string;
  /** Counts from 1. The items of a List carry the line of the List. */
  readonly line: number;
  readonly object: JsonObject;
}

/** Lists within lists beyond this are refused. */
const maxListDepth = 10;

/**
 * Every object of multi-document YAML or JSON, as Kubernetes reads it; empty documents are skipped, Lists flattened.
 * @throws TerminalError MANIFEST_UNREADABLE that names `file:line:column`
 */
export function parseManifests(text: string, file: string): readonly Manifest[] {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  return readDocuments(source, file).flatMap(({ value, line }) => {
    if (value === null) return [];
    if (!isJsonObject(value)) throw unreadable(`${file}:${line}:1`, "a document must be an object");
    return flatten(value, file, line, 0);
  });
}

function readDocuments(text: string, file: string) {
  try {
    return parseYamlDocuments(text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    const place = error.line > 0 ? `${file}:${error.line}:${error.column}` : file;
    throw unreadable(place, error.reason, error);
  }
}

function flatten(object: JsonObject, file: string, line: number, depth: number): Manifest[] {
  const isList = typeof object.kind === "string" && object.kind.endsWith("List") && Array.isArray(object.items);
  if (!isList || !Array.isArray(object.items)) return [{ file, line, object }];
  if (depth >= maxListDepth) throw unreadable(`${file}:${line}:1`, `Lists are nested deeper than ${maxListDepth}`);
  return object.items.flatMap((item, index) => {
    if (!isJsonObject(item)) throw unreadable(`${file}:${line}:1`, `items[${index}] must be an object`);
    return flatten(item, file, line, depth + 1);
  });
}

function unreadable(place: string, what: string, cause?: unknown): TerminalError {
  return new TerminalError("MANIFEST_UNREADABLE", `${place}: ${what}`, cause);
}
