import { TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { nearest } from "../base/nearest.ts";
import { InvalidManifest, type Problem } from "../base/schema.ts";
import { errorAt, maxSuggestions, objectOf, textOf, warningAt } from "./fields.ts";
import { argoApiVersion, type ResourceMeta } from "./resources.ts";

/** What a parse function gives: the typed resource and what is worth a word but no error. */
export interface Parsed<Resource> {
  readonly resource: Resource;
  readonly warnings: readonly Problem[];
}

export interface Envelope {
  readonly metadata: ResourceMeta;
  /** An empty object where it is missing. */
  readonly spec: JsonObject;
}

const topFields = new Set(["apiVersion", "kind", "metadata", "spec", "status"]);

/**
 * The parts that all kinds share. A namespace that is not given is `default`. `more` are top fields of this kind alone.
 */
export function readEnvelope(
  value: unknown,
  kind: string,
  problems: Problem[],
  more: readonly string[] = [],
): Envelope {
  if (!isJsonObject(value)) throw new TerminalError("MANIFEST_INVALID", `a ${kind} must be an object`);
  if (value.apiVersion !== argoApiVersion) {
    problems.push(errorAt("apiVersion", `${JSON.stringify(value.apiVersion)} must be "${argoApiVersion}"`));
  }
  if (value.kind !== kind) problems.push(errorAt("kind", `${JSON.stringify(value.kind)} must be "${kind}"`));
  for (const key of Object.keys(value)) {
    if (topFields.has(key) || more.includes(key)) continue;
    const likely = problems.length < maxSuggestions ? nearest(key, [...topFields, ...more]) : undefined;
    const suggestion = likely === undefined ? undefined : `did you mean \`${likely}\`?`;
    problems.push(warningAt(key, "unknown field, it has no effect", suggestion));
  }
  if (value.spec === undefined || value.spec === null) problems.push(noSpec);
  else if (!isJsonObject(value.spec)) problems.push(errorAt("spec", "must be an object"));
  return { metadata: readMetadata(objectOf(value.metadata), problems), spec: objectOf(value.spec) };
}

function readMetadata(metadata: JsonObject, problems: Problem[]): ResourceMeta {
  const name = textOf(metadata.name);
  if (name === "" && textOf(metadata.generateName) === "") problems.push(errorAt("metadata.name", "is required"));
  return {
    name,
    namespace: textOf(metadata.namespace) || "default",
    uid: textOf(metadata.uid),
    generation: typeof metadata.generation === "number" ? metadata.generation : 0,
    createdAt: textOf(metadata.creationTimestamp),
    labels: textsOf(metadata.labels),
    annotations: textsOf(metadata.annotations),
  };
}

const none: Readonly<Record<string, string>> = {};

function textsOf(value: JsonValue | undefined): Readonly<Record<string, string>> {
  if (value === undefined) return none;
  const entries = Object.entries(objectOf(value)).filter((entry): entry is [string, string] => {
    return typeof entry[1] === "string";
  });
  return Object.fromEntries(entries);
}

/**
 * The warnings, when there are no errors.
 * @throws InvalidManifest with every problem
 */
export function warningsOf(problems: readonly Problem[]): readonly Problem[] {
  if (problems.some(({ severity }) => severity === "error")) throw new InvalidManifest(withoutRest(problems));
  return problems;
}

/** The CRDs of all kinds demand one. */
const noSpec = errorAt("spec", "is required");

/** What a spec lacks that is not there need not be told one by one. */
function withoutRest(problems: readonly Problem[]): readonly Problem[] {
  if (!problems.includes(noSpec)) return problems;
  return problems.filter((problem) => problem === noSpec || !problem.path.startsWith("spec"));
}
