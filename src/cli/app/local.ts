import { statSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { Command } from "commander";
import { parseApplication } from "../../api/application.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { diskTree } from "../../gitops/render/disk-tree.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type DeclaredFlags, readDeclared, withDeclaredFlags } from "../render/declared.ts";
import { rootOf } from "../render/render-source.ts";
import { openRenderer } from "../render/renderer.ts";
import { type RenderingFlags, withRenderingFlags } from "../rendering-flags.ts";

export interface LocalFlags extends RenderingFlags, DeclaredFlags {
  /** A folder, in place of what the source says. */
  readonly local?: string;
  readonly localRepoRoot?: string;
}

export function addLocalFlags(command: Command): Command {
  command
    .option("--local <folder>", "what this folder says, instead of the source")
    .option("--local-repo-root <folder>", "of the repository that the folder is in; default: found by its .git");
  return withRenderingFlags(withDeclaredFlags(command, withLocal), withLocal);
}

const withLocal = "; with --local";

/** @throws EngineError USAGE for flags of a rendering here where the engine makes it */
function refuseWithoutLocal(flags: LocalFlags): void {
  const { settings, repoSecrets, tool, plugin, kustomizeBuildOptions, localRepoRoot } = flags;
  const given = [
    ["--settings", settings.length > 0],
    ["--repo-secrets", repoSecrets.length > 0],
    ["--tool", tool.size > 0],
    ["--plugin", plugin.length > 0],
    ["--kustomize-build-options", kustomizeBuildOptions !== ""],
    ["--local-repo-root", localRepoRoot !== undefined],
  ].find(([, isGiven]) => isGiven);
  if (given === undefined) return;
  throw new EngineError("USAGE", `${given[0]} is for what is rendered here: name a folder by --local, or leave it out`);
}

const timeoutMs = 600_000;

/**
 * What the Application would be of the files of a folder, made here as the engine makes it. Undefined: no folder is named.
 * @throws EngineError USAGE for an Application of several sources, or a folder outside of the root; CONFIG_INVALID
 */
export async function localManifests(
  object: KubeObject,
  flags: LocalFlags,
  dataDir: string,
): Promise<readonly JsonObject[] | undefined> {
  const { local, localRepoRoot } = flags;
  if (local === undefined) {
    refuseWithoutLocal(flags);
    return undefined;
  }
  const application = parseApplication(object).resource;
  const [source, ...others] = application.sources;
  if (source === undefined || others.length > 0) {
    throw new EngineError("USAGE", "--local: the Application must have one source");
  }
  const folder = resolve(local);
  checkFolder("--local", local);
  if (localRepoRoot !== undefined) checkFolder("--local-repo-root", localRepoRoot);
  const root = resolve(localRepoRoot ?? rootOf(folder));
  const path = relative(root, folder);
  if (path.startsWith("..")) throw new EngineError("USAGE", `--local: "${local}" is not below the root "${root}"`);
  const { name } = application.metadata;
  const options = {
    hard: false,
    appName: name,
    instance: name,
    project: application.project,
    namespace: application.destination.namespace ?? "",
    isMultiSource: false,
  };
  await using renderer = await openRenderer(flags, dataDir, await readDeclared(flags));
  const signal = AbortSignal.timeout(timeoutMs);
  const { manifests } = await renderer.renders.render(
    { ...source, path: path || "." },
    diskTree(root),
    options,
    signal,
  );
  return manifests;
}

function checkFolder(flag: string, path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new EngineError("USAGE", `${flag}: "${path}" is no folder`);
}
