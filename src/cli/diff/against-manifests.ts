import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { Application } from "../../api/application-types.ts";
import { compareOptionsOf } from "../../api/resource-annotations.ts";
import type { ResourceSettings } from "../../api/resource-settings.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { type Comparison, compareObjects } from "../../gitops/diff/compare.ts";
import { diffManifests } from "../../gitops/diff/manifest-diff.ts";
import { createDiffRules } from "../../gitops/diff/rules.ts";
import { toTargets } from "../../gitops/diff/targets.ts";
import { instanceName } from "../../gitops/diff/tracking.ts";
import { renderTarget } from "../../gitops/reconcile/target.ts";
import { renderDirectory } from "../../gitops/render/directory.ts";
import type { SourceFile } from "../../gitops/render/render.ts";
import { builtInResources } from "../../objects/kubernetes-types.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { Declared } from "../render/declared.ts";
import type { RenderingFlags } from "../rendering-flags.ts";
import { controllerNamespace, openSources, settingsIn } from "./desired.ts";

const timeoutMs = 300_000;
const maxFiles = 10_000;
const request = { level: 3, hard: false, seen: [] } as const;

interface ManifestOptions {
  readonly declared: Declared;
  readonly flags: RenderingFlags;
  readonly dataDir: string;
}

/** With what the same sources say at another revision. @throws EngineError */
export async function compareWithRevision(
  application: Application,
  revision: string,
  { declared, flags, dataDir }: ManifestOptions,
): Promise<Comparison> {
  await using deps = await openSources(flags, dataDir, declared);
  const signal = AbortSignal.timeout(timeoutMs);
  const revisions = application.sources.map(() => revision);
  const { manifests } = await renderTarget(application, [], request, undefined, deps, signal);
  const base = await renderTarget(application, revisions, request, undefined, deps, signal).catch((error: unknown) => {
    throw isUnknownRevision(error) ? noBase(revision, application) : error;
  });
  return compareManifests(application, manifests, base.manifests, settingsIn(declared.main));
}

function isUnknownRevision(error: unknown): boolean {
  return error instanceof EngineError && error.code === "GIT_REVISION_NOT_FOUND";
}

function noBase(name: string, { sources }: Application): EngineError {
  const repositories = [...new Set(sources.map(({ repoURL }) => repoURL))].join(", ");
  const message = `--against: "${name}" is neither "live", nor a folder here, nor a revision of ${repositories}`;
  return new EngineError("MANIFEST_UNREADABLE", message);
}

/** With the manifests in a folder and the folders in it. @throws EngineError */
export async function compareWithFolder(
  application: Application,
  folder: string,
  { declared, flags, dataDir }: ManifestOptions,
): Promise<Comparison> {
  await using deps = await openSources(flags, dataDir, declared);
  const signal = AbortSignal.timeout(timeoutMs);
  const { manifests } = await renderTarget(application, [], request, undefined, deps, signal);
  const base = renderDirectory(await readFolder(folder), { recurse: true }).map(({ object }) => object);
  return compareManifests(application, manifests, base, settingsIn(declared.main));
}

function compareManifests(
  application: Application,
  manifests: readonly JsonObject[],
  base: readonly JsonObject[],
  settings: ResourceSettings,
): Comparison {
  const { ignoreDifferences: ignore, metadata, destination } = application;
  const rules = createDiffRules({ ignore, settings, compareOptions: compareOptionsOf(metadata.annotations) });
  if (rules.problems.length > 0) throw new EngineError("MANIFEST_INVALID", rules.problems.join("; "));
  const tracking = {
    method: settings.trackingMethod,
    instance: instanceName(metadata.name, metadata.namespace, controllerNamespace),
    label: settings.instanceLabel,
  };
  const targetsOf = (list: readonly JsonObject[]): readonly KubeObject[] => {
    const { objects, conditions } = toTargets(list, { namespace: destination.namespace ?? "", tracking, isNamespaced });
    const errors = conditions.filter(({ type }) => type === "ComparisonError");
    if (errors.length > 0) throw new EngineError("MANIFEST_INVALID", errors.map(({ message }) => message).join("; "));
    return objects;
  };
  return compareObjects(targetsOf(manifests), targetsOf(base), { method: "label", rules, diff: diffManifests });
}

/** Undefined for kinds that no built-in facts are known of. */
function isNamespaced({ apiVersion, kind }: Pick<KubeObject, "apiVersion" | "kind">): boolean | undefined {
  const known = builtInResources.find((resource) => {
    const { group, version } = resource;
    return resource.kind === kind && apiVersion === (group === "" ? version : `${group}/${version}`);
  });
  return known?.namespaced;
}

async function readFolder(folder: string): Promise<readonly SourceFile[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((name) => /\.(?:ya?ml|json)$/.test(name) && !name.split("/").some((part) => part.startsWith(".")));
  if (names.length > maxFiles) throw new EngineError("MANIFEST_UNREADABLE", `"${folder}" holds over ${maxFiles} files`);
  const files: SourceFile[] = [];
  for (const path of names) files.push({ path, text: await readFile(join(folder, path), "utf8") });
  return files;
}
