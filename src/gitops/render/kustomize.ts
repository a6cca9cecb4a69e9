import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JsonObject } from "../../base/json.ts";
import { plainVersion, saidVersion } from "./helm-arguments.ts";
import { inputIds } from "./inputs.ts";
import { type KustomizeEdits, type KustomizeOptions, kustomizeEdits, withPatches } from "./kustomize-edits.ts";
import { readKustomization } from "./kustomize-graph.ts";
import { parseOutput } from "./manifest-file.ts";
import { isPermittedIn, type Job, type Plan, type Produced, permittedFact, useTool } from "./plan.ts";
import { kustomizationFiles } from "./source-type.ts";
import { proxyVariables } from "./tool-proxy.ts";
import type { Tool } from "./tools.ts";
import { normalPath } from "./tree-reader.ts";
import { openWorkingFolder, type WorkingFolder } from "./working-folder.ts";

interface Run {
  readonly tool: Tool;
  readonly edits: KustomizeEdits;
  readonly buildArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Those of Git that it may ask, its own last. */
  readonly repositories: readonly string[];
  readonly chartRepositories: readonly string[];
}

/** Whether the project's own credentials may be used for it. */
function isPermitted(url: string, { context, recorder }: Job): boolean {
  const permitted = isPermittedIn(context, url);
  recorder.fact(`${permittedFact}${url}`, String(permitted));
  return permitted;
}

/** A kustomization in a folder (spec argo-cd-engine 7.5). */
export async function planKustomize(job: Job, signal: AbortSignal): Promise<Plan> {
  const { source, path, inputs, rendering } = job;
  const options = source.kustomize ?? {};
  const tool = await useTool("kustomize", job, signal, options.version);
  const components = await componentsOf(options, job);
  const patchFiles = (options.patches ?? []).flatMap((patch) => patch.path ?? []);
  const version = rendering.kustomizeVersions[options.version?.replace(/^v/, "") ?? ""];
  const buildOptions = version?.buildOptions ?? rendering.kustomizeBuildOptions;
  const isUnrestricted = buildOptions.some((one) => one.includes("LoadRestrictionsNone"));
  const facts = await readKustomization(path, inputs, { files: patchFiles, folders: components, isUnrestricted });
  const edits = kustomizeEdits(options, components, job.variable);
  const env = job.isWhole ? job.environment() : variablesOf(facts.variables, job);
  const helm = buildOptions.includes("--enable-helm") && facts.usesHelm;
  const buildArgs = [...buildOptions, ...(helm ? await helmArgs(job, signal) : [])];
  const repositories = [...facts.repositories.filter((url) => isPermitted(url, job)), source.repoURL];
  // What one project may read by its own credentials is not kept for another.
  const { access } = job.settings;
  const scopes = facts.reachesOut ? repositories.map((url) => access?.(url, job.context.project).scope ?? "") : [];
  return {
    type: "Kustomize",
    key: [tool.version, path, edits, buildArgs, env, inputIds(inputs), scopes],
    isVolatile: facts.reachesOut || helm,
    usesTool: true,
    produce: (stop) => {
      const { chartRepositories } = facts;
      const asked = facts.reachesOut ? repositories : [];
      return run(job, { tool, edits, buildArgs, env, repositories: asked, chartRepositories }, stop);
    },
  };
}

/** Those that are there, where others are to be left out. */
async function componentsOf({ components = [], ignoreMissingComponents }: KustomizeOptions, { path, inputs }: Job) {
  if (!ignoreMissingComponents) return components;
  const there: string[] = [];
  for (const component of components) {
    const { found } = await inputs.main.follow(normalPath(`${path}/${component}`));
    if (found !== undefined) there.push(component);
  }
  return there;
}

/** Only what the env files ask for: a tool sees nothing that the key does not name. */
function variablesOf(names: readonly string[], { variable }: Job): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = variable(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** What kustomize hands to Helm. */
async function helmArgs(job: Job, signal: AbortSignal): Promise<readonly string[]> {
  const { source, context, recorder } = job;
  const { kubeVersion, apiVersions = [] } = source.kustomize ?? {};
  const helm = await useTool("helm", job, signal);
  const cluster = kubeVersion && apiVersions.length > 0 ? undefined : await context.versions?.(signal);
  if (cluster !== undefined) recorder.fact("cluster", JSON.stringify(cluster));
  const version = saidVersion(kubeVersion, "kustomize.kubeVersion") ?? plainVersion(cluster?.kubeVersion ?? "");
  const versions = apiVersions.length > 0 ? apiVersions : (cluster?.apiVersions ?? []);
  return [
    ...["--helm-command", helm.path],
    ...(version === undefined ? [] : ["--helm-kube-version", version]),
    ...versions.flatMap((one) => ["--helm-api-versions", one]),
  ];
}

async function run(
  job: Job,
  { tool, edits, buildArgs, env, repositories, chartRepositories }: Run,
  signal: AbortSignal,
): Promise<Produced> {
  const { settings, inputs, path, log } = job;
  const exported = performance.now();
  await using folder = await openWorkingFolder(settings.workDirectory, inputs);
  log.step("export", performance.now() - exported);
  const target = join(folder.source, path);
  const edit = (args: readonly string[]): Promise<string> =>
    settings.tools.run(
      tool,
      { args: ["edit", ...args], cwd: target, folder, env, label: `kustomize edit ${args[0]} ${args[1]}` },
      signal,
    );
  const edited = performance.now();
  for (const args of edits.before) await edit(args);
  if (edits.patches.length > 0) await addPatches(target, edits.patches);
  for (const args of edits.after) await edit(args);
  log.step("kustomize edit", performance.now() - edited);
  const began = performance.now();
  await using git = repositories.length === 0 ? undefined : await openGit(job, repositories, signal);
  // Charts and files by HTTP; Git is told of the proxies of each repository by itself.
  const proxies = proxyVariables(chartRepositories, job);
  const call = buildCall(folder, target, buildArgs, { ...env, ...proxies, ...git?.env });
  const output = await settings.tools.run(tool, call, signal);
  log.step("kustomize build", performance.now() - began);
  return { manifests: parseOutput(output, "kustomize build").map(({ object }) => object), bytes: output.length };
}

/** Remote bases may be in repositories that the project has credentials for. */
async function openGit({ settings, context }: Job, repositories: readonly string[], signal: AbortSignal) {
  const known = repositories.filter((url) => /^(?:https?|ssh):\/\/|^[\w.+-]+@[\w.-]+:/.test(url));
  return settings.git?.ofProject(context.project).openToolGit(known, signal);
}

function buildCall(folder: WorkingFolder, target: string, buildArgs: readonly string[], env: Run["env"]) {
  return {
    args: ["build", target, ...buildArgs],
    cwd: folder.source,
    folder,
    // Remote bases are Git's business: never those of this machine.
    env: { ...env, GIT_ALLOW_PROTOCOL: "https:http:ssh", GIT_TERMINAL_PROMPT: "0", GIT_CONFIG_NOSYSTEM: "1" },
    label: "kustomize build .",
  };
}

async function addPatches(target: string, patches: readonly JsonObject[]): Promise<void> {
  for (const name of kustomizationFiles) {
    const file = join(target, name);
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    await writeFile(file, withPatches(text, patches));
    return;
  }
}
