import type { Command } from "commander";
import { parseRenderingSettings, type RenderingSettings } from "../../api/rendering-settings.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import {
  certificatesName,
  knownHostsName,
  repositorySecret,
  secretTypeLabel,
} from "../../controllers/applications/repository-access.ts";
import { settingsName } from "../../controllers/applications/resource-settings.ts";
import { parametersName } from "../../controllers/applications/sync-settings.ts";
import { listManifestFiles, readManifestFiles } from "../../controllers/manifest-files.ts";
import { toKubeObject } from "../../gitops/diff/tracking.ts";
import { createFindAccess, type RepositorySecret } from "../../gitops/source/repository-secrets.ts";
import { anonymousAccess, type FindAccess } from "../../gitops/source/source.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { collected } from "../app/options.ts";

/** Files of what an engine reads in its cluster. */
export interface DeclaredFlags {
  readonly settings: readonly string[];
  readonly repoSecrets: readonly string[];
}

/** What users declared in ConfigMaps and Secrets of the controller's namespace, as an engine would find it there. */
export interface Declared {
  /** Data of `argocd-cm`; undefined where no file has it. */
  readonly main: JsonObject | undefined;
  /** Data of `argocd-cmd-params-cm`. */
  readonly parameters: JsonObject | undefined;
  readonly access: FindAccess;
}

export const nothingDeclared: Declared = { main: undefined, parameters: undefined, access: () => anonymousAccess };

export function withDeclaredFlags(command: Command, otherwise = ""): Command {
  return command
    .option(
      "--settings <file|dir>",
      `ConfigMaps ${settingsName}, ${parametersName}, ${knownHostsName}, ${certificatesName} (repeatable)${otherwise}`,
      collected,
      [],
    )
    .option(
      "--repo-secrets <file|dir>",
      "Secrets with the label of repositories or repo-creds; both flags take what the other takes (repeatable)",
      collected,
      [],
    );
}

/** One object of a file. */
interface Found {
  /** For messages: the flag and `file:line`. */
  readonly at: string;
  readonly object: JsonObject;
}

/** @throws EngineError MANIFEST_UNREADABLE, CONFIG_INVALID */
export async function readDeclared({ settings, repoSecrets }: DeclaredFlags): Promise<Declared> {
  const found: Found[] = [];
  for (const path of settings) found.push(...(await readFlag("--settings", path)));
  for (const path of repoSecrets) found.push(...(await readFlag("--repo-secrets", path)));
  const maps = mapsByName(found.filter(({ object }) => object.kind === "ConfigMap"));
  const secrets = found.flatMap(readSecret);
  const knownHosts = textsOf(maps.get(knownHostsName)).ssh_known_hosts ?? "";
  return {
    main: maps.get(settingsName),
    parameters: maps.get(parametersName),
    access: createFindAccess({ secrets, knownHosts, certificates: textsOf(maps.get(certificatesName)) }),
  };
}

/** How sources are rendered by it; `log` is told of what has no effect. @throws EngineError CONFIG_INVALID for settings that cannot be used */
export function renderingIn({ main, parameters }: Declared, base: RenderingSettings, log: Logger): RenderingSettings {
  const { settings, problems, notes } = parseRenderingSettings(main ?? {}, parameters ?? {}, base);
  if (problems.length > 0) throw new EngineError("CONFIG_INVALID", problems.join("; "));
  for (const note of notes) log.warn("a setting of rendering has no effect", { note });
  return settings;
}

/** What no file says, as the cluster says it. Secrets are not read there: few who compare may read them. */
export async function withClusterSettings(declared: Declared, kube: KubeClient, namespace: string): Promise<Declared> {
  const read = async (name: string): Promise<JsonObject | undefined> => {
    const map = await kube.get({ apiVersion: "v1", kind: "ConfigMap", namespace, name });
    return isJsonObject(map?.data) ? map.data : undefined;
  };
  return {
    ...declared,
    main: declared.main ?? (await read(settingsName)),
    parameters: declared.parameters ?? (await read(parametersName).catch(ifForbidden)),
  };
}

/** Whoever may read the one map only compares with what the other says where nobody wrote it. */
function ifForbidden(error: unknown): undefined {
  if (error instanceof EngineError && error.code === "API_FORBIDDEN") return undefined;
  throw error;
}

/** Of the help of commands that have a cluster. */
export const clusterSettings = "; what is not named is the cluster's";

const mapNames = [settingsName, parametersName, knownHostsName, certificatesName];

async function readFlag(flag: string, path: string): Promise<readonly Found[]> {
  const files = await readManifestFiles((await listManifestFiles(path)).keys());
  const all = [...files].flatMap(([file, manifests]) => {
    if (manifests instanceof EngineError) throw manifests;
    return manifests.map(({ line, object }) => ({ at: `${flag}: ${file}:${line}`, object }));
  });
  // One ConfigMap alone is what was asked for, whatever its name.
  const [only, ...others] = all;
  if (only?.object.kind === "ConfigMap" && others.length === 0 && !mapNames.includes(nameOf(only)))
    return [{ ...only, object: { ...only.object, metadata: { name: settingsName } } }];
  const known = all.filter((one) => isSettings(one) || isRepositorySecret(one));
  if (known.length > 0) return known;
  const wanted = `a ConfigMap ${mapNames.join(", ")}, or a Secret with the label ${secretTypeLabel}: repository or repo-creds`;
  throw new TerminalError("CONFIG_INVALID", `${flag}: "${path}" holds nothing that is known; expected ${wanted}`);
}

function isSettings(found: Found): boolean {
  return found.object.kind === "ConfigMap" && mapNames.includes(nameOf(found));
}

function isRepositorySecret({ object: { kind, metadata } }: Found): boolean {
  const labels = isJsonObject(metadata) ? metadata.labels : undefined;
  const type = isJsonObject(labels) ? labels[secretTypeLabel] : undefined;
  return kind === "Secret" && (type === "repository" || type === "repo-creds");
}

function mapsByName(found: readonly Found[]): ReadonlyMap<string, JsonObject> {
  const places = new Map<string, string>();
  const maps = new Map<string, JsonObject>();
  for (const one of found) {
    const name = nameOf(one);
    const earlier = places.get(name);
    if (earlier !== undefined) {
      throw new TerminalError("CONFIG_INVALID", `${one.at}: ConfigMap "${name}" stands in ${earlier}, too: keep one`);
    }
    places.set(name, one.at);
    maps.set(name, isJsonObject(one.object.data) ? one.object.data : {});
  }
  return maps;
}

/** As a server keeps it: `stringData` over `data`. */
function readSecret(found: Found): readonly RepositorySecret[] {
  if (!isRepositorySecret(found)) return [];
  const { at, object } = found;
  const { data, stringData, sops } = object;
  const refuse = (what: string) => new TerminalError("CONFIG_INVALID", `${at}: Secret "${nameOf(found)}": ${what}`);
  if (sops !== undefined) throw refuse("it is encrypted by sops: decrypt it first");
  const texts = textsOf(stringData);
  const all: Record<string, string> = { ...textsOf(data) };
  for (const [key, text] of Object.entries(texts)) all[key] = Buffer.from(text).toString("base64");
  for (const [key, text] of Object.entries(all)) {
    if (!isBase64(text)) throw refuse(`data.${key} is not base64; plain text belongs into stringData`);
  }
  if (!all.url) throw refuse("url is missing: expected the repository's, or the prefix that the credentials are for");
  const kube = toKubeObject({ ...object, data: all });
  const secret = kube === undefined ? undefined : repositorySecret(kube);
  return secret === undefined ? [] : [secret];
}

function isBase64(text: string): boolean {
  const bare = text.replaceAll(/\s/g, "");
  return bare.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(bare);
}

function nameOf({ object: { metadata } }: Found): string {
  const name = isJsonObject(metadata) ? metadata.name : undefined;
  return typeof name === "string" ? name : "";
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, text]) => (typeof text === "string" ? [[key, text]] : [])),
  );
}
