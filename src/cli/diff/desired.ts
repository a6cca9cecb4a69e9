import { readFile } from "node:fs/promises";
import { specProblems } from "../../api/application.ts";
import type { Application } from "../../api/application-types.ts";
import { type Manifest, manifestText, parseManifests } from "../../api/manifest.ts";
import { parseResourceSettings, type ResourceSettings } from "../../api/resource-settings.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import { whyUnreadable } from "../../base/unreadable.ts";
import type { TargetDeps } from "../../gitops/reconcile/target.ts";
import { applicationAt } from "../application-at.ts";
import type { Declared } from "../render/declared.ts";
import { openRenderer } from "../render/renderer.ts";
import type { RenderingFlags } from "../rendering-flags.ts";

/** Where Argo CD lives, as Applications name it in trackings. */
export const controllerNamespace = "argocd";

/** The only Application of a file. @throws EngineError MANIFEST_UNREADABLE, MANIFEST_INVALID */
export async function readApplicationFile(file: string): Promise<Application> {
  const found = (await manifestsIn(file)).filter(({ object: { kind } }) => kind === "Application");
  const [manifest, ...more] = found;
  if (manifest === undefined || more.length > 0)
    throw new EngineError("MANIFEST_UNREADABLE", `"${file}" must hold one Application, not ${found.length}`);
  const { object } = manifest;
  const { metadata } = object;
  const named = { namespace: controllerNamespace, ...(isJsonObject(metadata) ? metadata : {}) };
  const application = applicationAt(manifest, { ...object, metadata: named });
  const problems = specProblems(application).filter(({ path }) => path.startsWith("spec.source"));
  if (problems.length === 0) return application;
  throw new EngineError("MANIFEST_INVALID", `"${file}": ${problems.map(({ message }) => message).join("; ")}`);
}

/** @throws EngineError CONFIG_INVALID for settings that cannot be used */
export function settingsIn(data: unknown): ResourceSettings {
  const settings = parseResourceSettings(isJsonObject(data) ? (data as Record<string, string>) : {});
  if (settings.problems.length > 0) throw new EngineError("CONFIG_INVALID", settings.problems.join("; "));
  return settings;
}

async function manifestsIn(file: string): Promise<readonly Manifest[]> {
  try {
    return parseManifests(manifestText(await readFile(file), file), file);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError("MANIFEST_UNREADABLE", `"${file}" cannot be read: ${whyUnreadable(error)}`, error);
  }
}

/** What renders sources, with mirrors in a folder that is removed on disposal. */
export async function openSources(
  flags: RenderingFlags,
  dataDir: string,
  declared: Declared,
): Promise<TargetDeps & AsyncDisposable> {
  const renderer = await openRenderer(flags, dataDir, declared);
  return { ...renderer, controllerNamespace, [Symbol.asyncDispose]: () => renderer[Symbol.asyncDispose]() };
}
