import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { highestInRange, isSameVersion } from "../../base/semver.ts";
import { parseLooseYamlDocuments } from "../../base/yaml.ts";
import { isSemverVersion } from "./semver-text.ts";

/** One version of a chart, as `index.yaml` names it. */
export interface ChartVersion {
  readonly version: string;
  /** Relative to the repository, or whole. */
  readonly url: string;
  /** Of the archive: 64 hexadecimal digits; "" where the index says none. */
  readonly digest: string;
}

/** Charts by name. */
export type HelmIndex = ReadonlyMap<string, readonly ChartVersion[]>;

/** @throws EngineError REPOSITORY_FAILED for what is no index: the server may answer another time */
export function parseHelmIndex(text: string, repository: string): HelmIndex {
  const value = documentOf(text, repository);
  const entries = isJsonObject(value) ? value.entries : undefined;
  if (!isJsonObject(value) || (entries !== undefined && entries !== null && !isJsonObject(entries))) {
    throw notAnIndex(repository, "it has no charts");
  }
  const charts = Object.entries(entries ?? {}).map(([name, versions]) => {
    const known = Array.isArray(versions) ? versions : [];
    return [name, known.flatMap(versionOf)] as const;
  });
  return new Map(charts);
}

function documentOf(text: string, repository: string): JsonValue {
  try {
    // Every index is YAML; those that are JSON are read 50 times as fast.
    if (text.trimStart().startsWith("{")) return JSON.parse(text);
    return (parseLooseYamlDocuments(text)[0]?.value ?? null) as JsonValue;
  } catch (error) {
    throw notAnIndex(repository, messageOf(error));
  }
}

function versionOf(entry: JsonValue): readonly ChartVersion[] {
  if (!isJsonObject(entry)) return [];
  const [url] = Array.isArray(entry.urls) ? entry.urls : [];
  const { version, digest } = entry;
  if (typeof version !== "string" || typeof url !== "string") return [];
  const hex = typeof digest === "string" ? digest.replace(/^sha256:/, "").toLowerCase() : "";
  return [{ version, url, digest: /^[0-9a-f]{64}$/.test(hex) ? hex : "" }];
}

/**
 * The version that is meant: a literal one, else the highest within the range (spec argo-cd-engine 7.8).
 * @throws TerminalError CHART_NOT_FOUND
 */
export function chooseVersion(chart: string, versions: readonly string[], wanted: string): string {
  const literal = versions.find((version) => version === wanted);
  if (literal !== undefined) return literal;
  const found = isSemverVersion(wanted)
    ? versions.find((version) => isSameVersion(version, wanted))
    : highestInRange(wanted, versions);
  if (found !== undefined) return found;
  const some = versions.slice(0, 5).join(", ");
  const known = versions.length === 0 ? "it has no versions" : `it has ${versions.length} versions: ${some} …`;
  throw new TerminalError("CHART_NOT_FOUND", `chart "${chart}" has no version "${wanted.slice(0, 100)}": ${known}`);
}

export function notAnIndex(repository: string, why: string): EngineError {
  return new EngineError("REPOSITORY_FAILED", `"${repository}" has no index.yaml of a Helm repository: ${why}`);
}
