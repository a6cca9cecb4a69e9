import { TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { decodeText } from "../base/text-encoding.ts";
import { parseYamlDocuments, type YamlDocument, YamlError } from "../base/yaml.ts";
import type { Place } from "../base/yaml-places.ts";

/** One object of a file, with where it starts. */
export interface Manifest {
  readonly file: string;
  /** Counts from 1. The items of a List carry the line of the List. */
  readonly line: number;
  readonly object: JsonObject;
}

/** A manifest that still knows its text; not to be kept longer than the text is. */
export interface PlacedManifest extends Manifest {
  /** Where the value stands that `path` of the object names; see YamlDocument. */
  placeOf(path: string): Place;
}

/** Text that holds no manifests. `line` and `column` are 0 when the place is not known. */
export class UnreadableManifest extends TerminalError {
  readonly place: Place;
  readonly reason: string;
  constructor(file: string, place: Place, reason: string, cause?: unknown) {
    const at = place.line > 0 ? `${file}:${place.line}:${place.column}` : file;
    super("MANIFEST_UNREADABLE", `${at}: ${reason}`, cause);
    this.place = place;
    this.reason = reason;
  }
}

/** Lists within lists beyond this are refused. */
const maxListDepth = 10;

/**
 * Every object of multi-document YAML or JSON, as Kubernetes reads it; empty documents are skipped, Lists flattened.
 * @throws UnreadableManifest that names `file:line:column`
 */
export function parseManifests(text: string, file: string): readonly Manifest[] {
  return placeManifests(text, file).map(({ line, object }) => ({ file, line, object }));
}

/** As `parseManifests`, with places. @throws UnreadableManifest */
export function placeManifests(text: string, file: string): readonly PlacedManifest[] {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  return readDocuments(source, file).flatMap((document) => {
    const { value, line } = document;
    if (value === null) return [];
    if (!isJsonObject(value)) throw new UnreadableManifest(file, { line, column: 1 }, "a document must be an object");
    return flatten(value, { file, document, path: "" }, 0);
  });
}

/**
 * The text of a file as Kubernetes reads it: UTF-8, or UTF-16 that says so with a byte order mark.
 * @throws UnreadableManifest that names `file:line:column`
 */
export function manifestText(content: Buffer, file: string): string {
  const decoded = decodeText(content);
  if (decoded.text !== undefined) return decoded.text;
  const before = decoded.before.split("\n");
  const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  throw new UnreadableManifest(file, place, "is not UTF-8 text");
}

function readDocuments(text: string, file: string): readonly YamlDocument[] {
  try {
    return parseYamlDocuments(text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new UnreadableManifest(file, error, error.reason, error);
  }
}

interface ListPlace {
  readonly file: string;
  readonly document: YamlDocument;
  /** Of the object in its document: `` or `items[3].`. */
  readonly path: string;
}

function flatten(object: JsonObject, at: ListPlace, depth: number): PlacedManifest[] {
  const { file, document, path } = at;
  const { line } = document;
  const isList = typeof object.kind === "string" && object.kind.endsWith("List") && Array.isArray(object.items);
  if (!isList || !Array.isArray(object.items)) return [placed(object, at)];
  const refuse = (reason: string) => new UnreadableManifest(file, { line, column: 1 }, reason);
  if (depth >= maxListDepth) throw refuse(`Lists are nested deeper than ${maxListDepth}`);
  return object.items.flatMap((item, index) => {
    if (!isJsonObject(item)) throw refuse(`items[${index}] must be an object`);
    return flatten(item, { ...at, path: `${path}items[${index}].` }, depth + 1);
  });
}

function placed(object: JsonObject, { file, document, path }: ListPlace): PlacedManifest {
  const { line } = document;
  return {
    file,
    line,
    object,
    placeOf: (inner) => document.placeOf(path + inner) ?? { line, column: 1 },
  };
}
