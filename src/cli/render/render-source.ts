import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import { specProblems } from "../../api/application.ts";
import type { Application } from "../../api/application-types.ts";
import { manifestText, parseManifests } from "../../api/manifest.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { renderTarget } from "../../gitops/reconcile/target.ts";
import { diskTree } from "../../gitops/render/disk-tree.ts";
import type { ClusterVersions, InputTree } from "../../gitops/render/render.ts";
import { gitTree } from "../../gitops/source/git-tree.ts";
import { shownRepositoryUrl } from "../../gitops/source/repository-url.ts";
import { applicationAt } from "../application-at.ts";
import type { Explanation } from "./explain.ts";
import { type RenderFlags, withFlags } from "./flags.ts";
import type { Renderer } from "./renderer.ts";

type Render = (
  path: string,
  flags: RenderFlags,
  renderer: Renderer,
  explanation: Explanation | undefined,
) => Promise<readonly JsonObject[]>;

/** As long as all tools and fetches together may take. */
const timeoutMs = 600_000;

/** A folder as it lies on disk, or as a repository has it at a revision. */
export const renderFolder: Render = async (path, flags, renderer, explanation) => {
  const signal = AbortSignal.timeout(timeoutMs);
  const log = explanation?.of(path);
  const began = performance.now();
  const { tree, repoURL, folder, root } = await openTree(path, flags, renderer, signal);
  if (root === undefined) log?.step("fetch", performance.now() - began);
  const name = basename(resolve(path));
  const options = {
    hard: false,
    appName: name,
    instance: name,
    project: flags.project,
    namespace: flags.namespace ?? "",
    isMultiSource: false,
    ...versionsOf(flags),
    ...(log === undefined ? {} : { log }),
  };
  const source = withFlags({ repoURL, path: folder }, flags, root);
  return (await renderer.renders.render(source, tree, options, signal)).manifests;
};

interface Opened {
  readonly tree: InputTree;
  readonly repoURL: string;
  readonly folder: string;
  /** Of the tree, on disk. */
  readonly root?: string;
}

async function openTree(path: string, flags: RenderFlags, renderer: Renderer, signal: AbortSignal): Promise<Opened> {
  const root = rootOf(resolve(path));
  const repoURL = flags.repo ?? root;
  const folder = flags.repo === undefined ? relative(root, resolve(path)) : path;
  if (flags.repo === undefined && flags.revision === undefined) return { tree: diskTree(root), repoURL, folder, root };
  if (flags.repo === undefined && !isRepository(root)) {
    const how = "name the repository with --repo, or leave --revision out for the files as they are";
    throw new EngineError("USAGE", `--revision: "${path}" is in no Git repository: ${how}`);
  }
  const sources = renderer.sources.ofProject(flags.project);
  const { commit } = await sources.resolve(repoURL, flags.revision ?? "", signal);
  return { tree: gitTree(sources, repoURL, commit), repoURL, folder };
}

/** The repository that a folder is in; else the current directory, if it is below that; else the folder itself. */
export function rootOf(path: string): string {
  for (let folder = path; ; folder = dirname(folder)) {
    if (isRepository(folder)) return folder;
    if (folder === dirname(folder)) break;
  }
  const below = relative(process.cwd(), path);
  return below.startsWith("..") ? path : process.cwd();
}

function isRepository(folder: string): boolean {
  return existsSync(resolve(folder, ".git"));
}

/** All sources of all Applications of a file, each from its repository. */
export const renderApplications: Render = async (path, flags, renderer, explanation) => {
  const signal = AbortSignal.timeout(timeoutMs);
  const all = parseManifests(manifestText(await readFile(path), path), path);
  const applications = all.filter(({ object: { kind } }) => kind === "Application");
  if (applications.length === 0) throw new EngineError("MANIFEST_UNREADABLE", `"${path}" holds no Application`);
  const manifests: JsonObject[] = [];
  for (const manifest of applications) {
    const application = withFlagsOf(applicationAt(manifest), flags);
    checkSources(application);
    const deps = { ...renderer, controllerNamespace: application.metadata.namespace, ...versionsOf(flags) };
    const request = { level: 3, hard: false, seen: [] } as const;
    const told = explanation === undefined ? {} : { renderLog: logsOf(application, explanation) };
    const rendered = await renderTarget(application, [], request, undefined, { ...deps, ...told }, signal);
    manifests.push(...rendered.manifests);
  }
  return manifests;
};

function logsOf({ metadata, sources }: Application, explanation: Explanation) {
  return (index: number): ReturnType<Explanation["of"]> => {
    const { repoURL = "", chart, path = "" } = sources[index] ?? {};
    const which = sources.length === 1 ? "" : `, source ${index + 1} of ${sources.length}`;
    return explanation.of(`${metadata.name}${which}: ${shownRepositoryUrl(repoURL)} ${chart ?? path}`.trimEnd());
  };
}

/** Where it goes to is no matter here. @throws EngineError MANIFEST_INVALID */
function checkSources(application: Application): void {
  const [problem] = specProblems(application).filter(({ path }) => /^spec\.sources?\b/.test(path));
  if (problem === undefined) return;
  throw new EngineError("MANIFEST_INVALID", `${application.metadata.name}: ${problem.path}: ${problem.message}`);
}

/** @throws EngineError USAGE for flags that change a source, where there are several */
function withFlagsOf(application: Application, flags: RenderFlags): Application {
  const { sources, destination } = application;
  const changed = sources.map((source) => withFlags(source, flags, undefined));
  if (sources.length > 1 && JSON.stringify(changed) !== JSON.stringify(sources)) {
    const what = "flags that change a source need an Application with one";
    throw new EngineError("USAGE", `${application.metadata.name} has ${sources.length} sources: ${what}`);
  }
  const { namespace } = flags;
  return {
    ...application,
    sources: changed,
    destination: namespace === undefined ? destination : { ...destination, namespace },
  };
}

/** A cluster that has what the flags say. */
function versionsOf({ kubeVersion, apiVersion }: RenderFlags) {
  if (kubeVersion === undefined && apiVersion.length === 0) return {};
  const versions: ClusterVersions = { kubeVersion: kubeVersion ?? "", apiVersions: apiVersion };
  return { versions: async () => versions };
}
