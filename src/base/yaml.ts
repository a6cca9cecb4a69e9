import { isUtf8 } from "node:buffer";
import {
  binaryTag,
  CHOMPING_MODE,
  constructFromEvents,
  DUMP_SCHEMA,
  defineScalarTag,
  dump,
  EVENT_ID,
  type Event,
  FAILSAFE_SCHEMA,
  intCoreTag,
  intYaml11Tag,
  mapTag,
  mergeTag,
  NOT_RESOLVED,
  nullYaml11Tag,
  parseEvents,
  SCALAR_STYLE,
  seqTag,
  strTag,
  YAMLException,
} from "js-yaml";
import { TerminalError } from "./errors.ts";
import { isJsonObject } from "./json.ts";
import { indentFlow, placeBefore } from "./yaml-flow.ts";
import { faultOf } from "./yaml-hints.ts";
import { offsetOf, type Place, type PlacedDocument, placeDocument, placesIn } from "./yaml-places.ts";
import { isOutsideJson, yamlBoolean, yamlNumber } from "./yaml-scalars.ts";

/** Text that is not YAML. `line` and `column` count from 1 and are 0 when the place is not known. */
export class YamlError extends TerminalError {
  readonly reason: string;
  readonly line: number;
  readonly column: number;
  constructor(reason: string, line: number, column: number, cause?: unknown) {
    super("MANIFEST_UNREADABLE", line > 0 ? `line ${line}, column ${column}: ${reason}` : reason, cause);
    this.reason = reason;
    this.line = line;
    this.column = column;
  }
}

export interface YamlDocument {
  readonly value: unknown;
  /** Where its content starts; counts from 1. */
  readonly line: number;
  /**
   * Where the value stands that `path` names as problems write it, `spec.triggers[0].template`: a field at its key, an
   * item at its content; of a missing one its nearest parent. Undefined for an empty document. Cheap after the first call.
   */
  placeOf(path: string): Place | undefined;
}

/** Deeper nesting is refused. */
const maxDepth = 200;
/** The reason of the refusal. */
export const repeatsTooMuch = "aliases repeat too much";
/** Aliases may repeat what they name; a document that grows beyond its text by more than this is refused. */
const maxExtra = { nodes: 100_000, characters: 10_000_000 } as const;

const boolTag = defineScalarTag<boolean>("tag:yaml.org,2002:bool", {
  implicit: true,
  implicitFirstChars: [..."yYnNtTfFoO"],
  resolve: (source) => yamlBoolean(source) ?? NOT_RESOLVED,
  identify: (value) => typeof value === "boolean",
});

const numberTag = defineScalarTag<number | bigint>("tag:yaml.org,2002:float", {
  implicit: true,
  implicitFirstChars: [..."+-.0123456789"],
  resolve(source) {
    if (isOutsideJson(source)) throw new OutsideJson(source);
    return yamlNumber(source) ?? NOT_RESOLVED;
  },
  identify: (value) => typeof value === "number",
});

const integerTag = defineScalarTag<number | bigint>("tag:yaml.org,2002:int", {
  resolve: (source) => yamlNumber(source) ?? NOT_RESOLVED,
  identify: () => false,
});

/** JSON has no bytes: Go decodes `!!binary` into a string. */
const textBinaryTag = defineScalarTag<string>("tag:yaml.org,2002:binary", {
  resolve(source, isExplicit, tagName) {
    const bytes = binaryTag.resolve(source, isExplicit, tagName);
    if (!(bytes instanceof Uint8Array)) return NOT_RESOLVED;
    if (!isUtf8(bytes)) throw new OutsideJson(source);
    return Buffer.from(bytes).toString("utf8");
  },
  identify: () => false,
});

/** Tags that Go does not know have no meaning for it: what they stand before is read as if they were not there. */
const anyTag = { tagName: "", matchByTagPrefix: true, identify: () => false } as const;
const unknownTags = [
  { ...strTag, ...anyTag, resolve: (source: string) => source },
  { ...seqTag, ...anyTag },
  { ...mapTag, ...anyTag },
] as const;

/** As sigs.k8s.io/yaml reads: YAML 1.1 booleans, 1.1 and Go integers, timestamps left as text, merge keys. */
const kubernetesSchema = FAILSAFE_SCHEMA.withTags(
  nullYaml11Tag,
  boolTag,
  numberTag,
  integerTag,
  textBinaryTag,
  mergeTag,
  ...unknownTags,
);

/**
 * Every document of `text`, empty ones as null, as Kubernetes reads YAML: duplicate keys are an error.
 * @throws YamlError
 */
export function parseYaml(text: string): unknown[] {
  return parseYamlDocuments(text).map((document) => document.value);
}

/** As `parseYaml`, but of a key that is given twice the last one counts: of files that others wrote for Go's readers. */
export function parseLooseYaml(text: string): unknown[] {
  return parseLooseYamlDocuments(text).map((document) => document.value);
}

/** As `parseLooseYaml`, with places. @throws YamlError */
export function parseLooseYamlDocuments(text: string): YamlDocument[] {
  return parseDocuments(text, true);
}

/** As `parseYaml`, with places. JSON is YAML, too. @throws YamlError */
export function parseYamlDocuments(text: string): YamlDocument[] {
  return parseDocuments(text, false);
}

function parseDocuments(text: string, isLoose: boolean): YamlDocument[] {
  try {
    return readDocuments(text, isLoose, placesIn(text));
  } catch (error) {
    const indented = isShallow(error) ? indentFlow(text) : undefined;
    if (!indented) throw error;
    const placeAt = placesIn(indented.text);
    return readDocuments(indented.text, isLoose, (offset) => placeBefore(placeAt(offset), indented));
  }
}

function isShallow(error: unknown): boolean {
  return error instanceof YamlError && error.reason.startsWith("deficient indentation");
}

function readDocuments(text: string, isLoose: boolean, placeAt: PlaceAt): YamlDocument[] {
  let events: Event[] = [];
  try {
    events = parseEvents(text, { maxDepth });
    dropLastBreak(text, events);
    const values = constructFromEvents(events, { source: text, schema: kubernetesSchema, json: isLoose });
    if (text.includes("*") && events.some(({ type }) => type === EVENT_ID.ALIAS))
      for (const value of values) refuseBomb(value, text.length);
    return placedDocuments(text, events, values, placeAt);
  } catch (error) {
    throw toYamlError(error, text, events, placeAt);
  }
}

/** Whatever our own reader takes for a number: `0X1F` and `0_9` are none of YAML 1.1, and must be quoted all the same. */
const numberTextTag = defineScalarTag<number | bigint>("tag:yaml.org,2002:go-number", {
  implicit: true,
  implicitFirstChars: [..."+-.0123456789"],
  resolve: (source) => (isNumberText(source) ? 0 : NOT_RESOLVED),
  identify: () => false,
});

const printedIntegerTag = defineScalarTag<unknown>("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: [..."+-0123456789"],
  resolve: (source) => (isInteger(source) ? 0 : NOT_RESOLVED),
  identify: (value) => typeof value === "bigint" || intCoreTag.identify(value),
  represent: String,
});

function isInteger(source: string): boolean {
  return [intYaml11Tag, intCoreTag].some((tag) => tag.resolve(source, false, tag.tagName) !== NOT_RESOLVED);
}

function isNumberText(source: string): boolean {
  try {
    return yamlNumber(source) !== undefined;
  } catch {
    return true; // a number that JSON has no form for
  }
}

const printSchema = DUMP_SCHEMA.withTags(printedIntegerTag, numberTextTag);

/** YAML text of plain JSON; strings that YAML 1.1 would read as something else are quoted. */
export function formatYaml(value: unknown): string {
  return dump(value, { lineWidth: -1, noRefs: true, schema: printSchema });
}

type PlaceAt = (offset: number) => Place;

function placedDocuments(
  text: string,
  events: readonly Event[],
  values: readonly unknown[],
  placeAt: PlaceAt,
): YamlDocument[] {
  let lastOffset = 0;
  const starts = values.length > 1 ? documentStarts(events) : [0];
  return values.map((value, index) => {
    const start = starts[index] ?? 0;
    const content = events[start + 1];
    lastOffset = (content && offsetOfEvent(content)) ?? lastOffset;
    let placed: PlacedDocument | undefined;
    const document = (): PlacedDocument => {
      placed ??= placeDocument(text, events, start);
      return placed;
    };
    return {
      value: value ?? null,
      line: placeAt(lastOffset).line,
      placeOf(path) {
        const offset = offsetOf(document().root, path);
        return offset < 0 ? undefined : placeAt(offset);
      },
    };
  });
}

function documentStarts(events: readonly Event[]): number[] {
  const starts: number[] = [];
  for (let index = 0; index < events.length; index++) {
    if (events[index]?.type === EVENT_ID.DOCUMENT) starts.push(index);
  }
  return starts;
}

/** A block scalar whose last line is the text's, without a break at its end, has none in Go; YAML gives it one. */
function dropLastBreak(text: string, events: Event[]): void {
  const index = events.findLastIndex(({ type }) => type === EVENT_ID.SCALAR);
  const last = events[index];
  if (last?.type !== EVENT_ID.SCALAR || last.valueEnd !== text.length || /[\r\n]$/.test(text)) return;
  if (last.style !== SCALAR_STYLE.LITERAL_BLOCK && last.style !== SCALAR_STYLE.FOLDED_BLOCK) return;
  events[index] = { ...last, chomping: CHOMPING_MODE.STRIP };
}

/** Undefined for an empty document, and for what is written nowhere. */
function offsetOfEvent(event: Event): number | undefined {
  const isCollection = event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE;
  const offset = isCollection ? event.start : event.type === EVENT_ID.SCALAR ? event.valueStart : -1;
  return offset < 0 ? undefined : offset;
}

/** Counts nodes, and the characters of texts and keys, as often as aliases repeat them. */
function refuseBomb(root: unknown, length: number): void {
  let [nodes, characters] = [length + maxExtra.nodes, length + maxExtra.characters];
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    characters -= charactersOf(value);
    const children = childrenOf(value);
    nodes -= children.length;
    if (nodes < 0 || characters < 0) throw new Error(repeatsTooMuch);
    for (const child of children) waiting.push(child);
  }
}

function charactersOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  return isJsonObject(value) ? Object.keys(value).reduce((sum, key) => sum + key.length, 0) : 0;
}

function childrenOf(value: unknown): readonly unknown[] {
  return typeof value === "object" && value !== null ? Object.values(value) : [];
}

/** A value that JSON has no form for. */
class OutsideJson extends Error {
  readonly source: string;
  constructor(source: string) {
    super(`${source} is not a value of JSON`);
    this.source = source;
  }
}

function toYamlError(error: unknown, text: string, events: readonly Event[], placeAt: PlaceAt): YamlError {
  const fault = error instanceof YAMLException ? faultOf(error, text, events) : undefined;
  if (fault) {
    const isDuplicate = fault.reason === "duplicated mapping key";
    const keys = isDuplicate ? keysAt(fault.offset, text, events) : undefined;
    const first = keys && placeAt(keys.first);
    const also = first ? `, the first is at line ${first.line}, column ${first.column}` : "";
    const { line, column } = placeAt(keys?.second ?? fault.offset);
    return new YamlError(fault.reason + also, line, column, error);
  }
  const offset = error instanceof OutsideJson ? offsetOfScalar(error.source, text, events) : undefined;
  const place = offset === undefined ? { line: 0, column: 0 } : placeAt(offset);
  const reason = error instanceof Error ? error.message : String(error);
  return new YamlError(reason, place.line, place.column, error);
}

/** Two equal keys, of which the second's text is at `position`: behind its quote, where it has one. */
function keysAt(
  position: number,
  text: string,
  events: readonly Event[],
): { first: number; second: number } | undefined {
  for (const start of documentStarts(events)) {
    const { duplicates } = placeDocument(text, events, start);
    const second = duplicates.has(position) ? position : position - 1;
    const first = duplicates.get(second);
    if (first !== undefined) return { first, second };
  }
  return undefined;
}

function offsetOfScalar(source: string, text: string, events: readonly Event[]): number | undefined {
  const scalar = events.find(
    (event) => event.type === EVENT_ID.SCALAR && text.slice(event.valueStart, event.valueEnd) === source,
  );
  return scalar && offsetOfEvent(scalar);
}
