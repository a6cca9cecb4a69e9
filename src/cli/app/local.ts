import { relative, resolve } from "node:path";
import type { Command } from "commander";
import { parseApplication } from "../../api/application.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { diskTree } from "../../gitops/render/disk-tree.ts";
import type { KubeObject } from "../../objects/object.ts";
import { rootOf } from "../render/render-source.ts";
import { openRenderer } from "../render/renderer.ts";

export interface LocalFlags {
  /** A folder, in place of what the source says. */
  readonly local?: string;
  readonly localRepoRoot?: string;
}

export function addLocalFlags(command: Command): Command {
  return command
    .option("--local <folder>", "what this folder says, instead of the source")
    .option("--local-repo-root <folder>", "of the repository that the folder is in; default: found by its .git");
}

const timeoutMs = 600_000;

/**
 * What the Application would be of the files of a folder, made here as the engine makes it.
 * @throws EngineError USAGE for an Application of several sources, or a folder outside of the root
 */
export async function localManifests(
  object: KubeObject,
  { local = ".", localRepoRoot }: LocalFlags,
  dataDir: string,
): Promise<readonly JsonObject[]> {
  const application = parseApplication(object).resource;
  const [source, ...others] = application.sources;
  if (source === undefined || others.length > 0) {
    throw new EngineError("USAGE", "--local: the Application must have one source");
  }
  const folder = resolve(local);
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
  await using renderer = await openRenderer({ tool: new Map(), kustomizeBuildOptions: "", plugin: [] }, dataDir);
  const signal = AbortSignal.timeout(timeoutMs);
  const { manifests } = await renderer.renders.render(
    { ...source, path: path || "." },
    diskTree(root),
    options,
    signal,
  );
  return manifests;
}
