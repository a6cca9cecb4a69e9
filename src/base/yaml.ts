import {
  binaryTag,
  constructFromEvents,
  DUMP_SCHEMA,
  defineScalarTag,
  dump,
  EVENT_ID,
  FAILSAFE_SCHEMA,
  mergeTag,
  NOT_RESOLVED,
  nullYaml11Tag,
  parseEvents,
  YAMLException,
} from "js-yaml";
import { TerminalError } from "./errors.ts";

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
}

/** Deeper nesting is refused. */
const maxDepth = 200;
/** Aliases may repeat what they name; a document that grows beyond its text by more than this is refused. */
const maxExtraNodes = 100_000;

const trueWords = new Set(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]);
const falseWords = new Set(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]);

const boolTag = defineScalarTag<boolean>("tag:yaml.org,2002:bool", {
  implicit: true,
  implicitFirstChars: [..."yYnNtTfFoO"],
  resolve: (source) => (trueWords.has(source) ? true : falseWords.has(source) ? false : NOT_RESOLVED),
  identify: (value) => typeof value === "boolean",
});

const numberTag = defineScalarTag<number>("tag:yaml.org,2002:float", {
  implicit: true,
  implicitFirstChars: [..."+-.0123456789"],
  resolve: (source) => yamlNumber(source) ?? NOT_RESOLVED,
  identify: (value) => typeof value === "number",
});

const integerTag = defineScalarTag<number>("tag:yaml.org,2002:int", {
  resolve: (source) => yamlNumber(source) ?? NOT_RESOLVED,
  identify: () => false,
});

/** JSON has no bytes: Go decodes `!!binary` into a string. */
const textBinaryTag = defineScalarTag<string>("tag:yaml.org,2002:binary", {
  resolve(source, isExplicit, tagName) {
    const bytes = binaryTag.resolve(source, isExplicit, tagName);
    return bytes instanceof Uint8Array ? Buffer.from(bytes).toString("utf8") : NOT_RESOLVED;
  },
  identify: () => false,
});

/** As sigs.k8s.io/yaml reads: YAML 1.1 booleans, 1.1 and Go integers, timestamps left as text, merge keys. */
const kubernetesSchema = FAILSAFE_SCHEMA.withTags(
  nullYaml11Tag,
  boolTag,
  numberTag,
  integerTag,
  textBinaryTag,
  mergeTag,
);

/**
 * Every document of `text`, empty ones as null, as Kubernetes reads YAML: duplicate keys are an error.
 * @throws YamlError
 */
export function parseYaml(text: string): unknown[] {
  return parseYamlDocuments(text).map((document) => document.value);
}

/** As `parseYaml`, with the line at which each document starts. */
export function parseYamlDocuments(text: string): YamlDocument[] {
  try {
    const events = parseEvents(text, { maxDepth });
    const values = constructFromEvents(events, { source: text, schema: kubernetesSchema });
    if (text.includes("&")) for (const value of values) refuseBomb(value, text.length + maxExtraNodes);
    const lines = documentLines(text, events);
    return values.map((value, index) => ({ value: value ?? null, line: lines[index] ?? 1 }));
  } catch (error) {
    throw toYamlError(error);
  }
}

/** Go reads `0X1F`, too, which YAML 1.1 does not, so that text that looks so must be quoted. */
const capitalNumberTag = defineScalarTag<number>("tag:yaml.org,2002:go-int", {
  implicit: true,
  implicitFirstChars: [..."+-0"],
  resolve: (source) => (/^[-+]?0_*[XBO]/.test(source) ? 0 : NOT_RESOLVED),
  identify: () => false,
});

const printSchema = DUMP_SCHEMA.withTags(capitalNumberTag);

/** YAML text of plain JSON; strings that YAML 1.1 would read as something else are quoted. */
export function formatYaml(value: unknown): string {
  return dump(value, { lineWidth: -1, noRefs: true, schema: printSchema });
}

/** Go's `strconv.ParseInt(…, 0, 64)` after dropping `_`, then YAML's floats. Undefined: not a number. */
function yamlNumber(source: string): number | undefined {
  const text = source.replaceAll("_", "");
  const match = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/.exec(text);
  if (match) {
    const [, sign, hex, binary, octal, decimal] = match;
    const size = hex
      ? Number.parseInt(hex, 16)
      : binary
        ? Number.parseInt(binary, 2)
        : octal
          ? Number.parseInt(octal, 8)
          : Number(decimal);
    return sign === "-" ? -size || 0 : size;
  }
  if (/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(text)) return Number(text);
  if (/^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/.test(source)) throw new Error(`${source} is not a value of JSON`);
  return undefined;
}

function documentLines(text: string, events: ReturnType<typeof parseEvents>): number[] {
  const lines: number[] = [];
  let line = 1;
  let offset = 0;
  for (const [index, event] of events.entries()) {
    if (event.type !== EVENT_ID.DOCUMENT) continue;
    const content = events[index + 1];
    const start =
      content?.type === EVENT_ID.MAPPING || content?.type === EVENT_ID.SEQUENCE
        ? content.start
        : content?.type === EVENT_ID.SCALAR
          ? content.valueStart
          : offset;
    for (; offset < start; offset++) if (text[offset] === "\n") line++;
    lines.push(line);
  }
  return lines;
}

/** Counts nodes as often as aliases repeat them. */
function refuseBomb(root: unknown, maxNodes: number): void {
  let left = maxNodes;
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== "object" || value === null) continue;
    const children = Object.values(value);
    left -= children.length;
    if (left < 0) throw new Error("aliases repeat too much");
    for (const child of children) waiting.push(child);
  }
}

function toYamlError(error: unknown): YamlError {
  if (error instanceof YAMLException && error.mark) {
    return new YamlError(error.reason, error.mark.line + 1, error.mark.column + 1, error);
  }
  return new YamlError(error instanceof Error ? error.message : String(error), 0, 0, error);
}
