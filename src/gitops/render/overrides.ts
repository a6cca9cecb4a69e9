import { sourceSchema } from "../../api/application-source-schema.ts";
import type { ApplicationSource } from "../../api/application-types.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { createSchema } from "../../base/schema.ts";
import { parseLooseYamlDocuments, YamlError } from "../../base/yaml.ts";
import { applyMergePatch } from "../../objects/merge-patch.ts";
import { decodeManifestText } from "./manifest-file.ts";
import { RenderError } from "./render.ts";
import { normalPath, type TreeReader } from "./tree-reader.ts";

/** These say where a source is, not how it is rendered: a file within it cannot change them. */
const fixedFields = ["repoURL", "path", "chart", "targetRevision"] as const;
const maxOverrideBytes = 1024 * 1024;
const sourceShape = createSchema<JsonObject>(sourceSchema);

/**
 * The source with what `.argocd-source.yaml` and `.argocd-source-<instance>.yaml` in its folder say, as merge patches
 * (spec argo-cd-engine 7.2).
 */
export async function withOverrides(
  source: ApplicationSource,
  instance: string,
  reader: TreeReader,
): Promise<ApplicationSource> {
  let result = source;
  for (const name of [".argocd-source.yaml", `.argocd-source-${instance}.yaml`]) {
    const { found } = await reader.follow(normalPath(`${source.path || "."}/${name}`));
    if (found === undefined || (found.kind !== "file" && found.kind !== "executable")) continue;
    const content = (await reader.contents([{ ...found, kind: found.kind }])).get(found.path) ?? Buffer.alloc(0);
    if (content.length > maxOverrideBytes) {
      throw new RenderError("Unknown", `${name}: is over ${maxOverrideBytes} bytes`);
    }
    result = overridden(source, result, parseOverride(name, decodeManifestText(content, found.path)), name);
  }
  return result;
}

function overridden(source: ApplicationSource, before: ApplicationSource, patch: JsonObject, name: string) {
  const merged = applyMergePatch(before as unknown as JsonObject, patch);
  const fixed = fixedFields.flatMap((key) => (source[key] === undefined ? [] : [[key, source[key]] as const]));
  const { repoURL: _url, path: _path, chart: _chart, targetRevision: _revision, ...rest } = merged as JsonObject;
  const result = { ...rest, ...Object.fromEntries(fixed) };
  const [problem] = sourceShape.check(result, name);
  if (problem !== undefined) throw new RenderError("Unknown", `${problem.path}: ${problem.message}`);
  return result as unknown as ApplicationSource;
}

function parseOverride(name: string, text: string): JsonObject {
  try {
    const [document, ...others] = parseLooseYamlDocuments(text).filter(({ value }) => value !== null);
    const value = document?.value ?? {};
    if (others.length === 0 && isJsonObject(value)) return value;
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new RenderError("Unknown", `${name}: ${error.message}`, error);
  }
  throw new RenderError("Unknown", `${name}: must be one object: fields of the source`);
}
