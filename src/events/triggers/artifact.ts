import { messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { parseYaml } from "../../base/yaml.ts";

/** Where a resource to create comes from (spec argo-events 6.2). */
export interface ArtifactSource {
  readonly resource?: JsonObject;
  readonly inline?: string;
  readonly s3?: unknown;
  readonly file?: unknown;
  readonly url?: unknown;
  readonly git?: unknown;
  readonly configmap?: unknown;
}

const anyObject = { type: "object", "x-kubernetes-preserve-unknown-fields": true } as const satisfies JsonSchema;

export const artifactSchema = {
  type: "object",
  properties: {
    resource: anyObject,
    inline: { type: "string" },
    s3: anyObject,
    file: anyObject,
    url: anyObject,
    git: anyObject,
    configmap: anyObject,
  },
} as const satisfies JsonSchema;

/** When several are there, the first of these counts, as in the original. */
const order = ["s3", "inline", "file", "url", "git", "configmap", "resource"] as const;

/** @throws TerminalError TRIGGER_UNSUPPORTED or MANIFEST_INVALID that names `path` */
export function readArtifact(source: ArtifactSource, path: string): JsonObject {
  const key = order.find((name) => source[name] !== undefined);
  if (key === undefined) throw new TerminalError("MANIFEST_INVALID", `${path}: unknown artifact location`);
  if (key === "resource" && source.resource) return source.resource;
  if (key === "inline" && source.inline !== undefined) return parseInline(source.inline, `${path}.inline`);
  throw new TerminalError("TRIGGER_UNSUPPORTED", `${path}.${key} is not supported yet; use resource or inline`);
}

/** The first document counts, as in the original. */
function parseInline(text: string, path: string): JsonObject {
  let value: unknown;
  try {
    [value] = parseYaml(text);
  } catch (error) {
    throw new TerminalError("MANIFEST_INVALID", `${path}: not YAML: ${messageOf(error)}`, error);
  }
  if (!isJsonObject(value)) throw new TerminalError("MANIFEST_INVALID", `${path}: must hold an object`);
  return value;
}
