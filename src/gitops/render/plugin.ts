import { join } from "node:path";
import type { ApplicationSource } from "../../api/application-types.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { ToolGit } from "../source/source.ts";
import { substitute } from "./build-environment.ts";
import { compileDoublestar } from "./doublestar.ts";
import { plainVersion } from "./helm-arguments.ts";
import { inputIds } from "./inputs.ts";
import { parseOutput } from "./manifest-file.ts";
import type { Job, Plan, Plugin, PluginCommand, PluginDiscovery } from "./plan.ts";
import { RenderError } from "./render.ts";
import { openWorkingFolder, type WorkingFolder } from "./working-folder.ts";

type PluginOptions = NonNullable<ApplicationSource["plugin"]>;

/** The first plugin that says that the folder is for it; those without discovery have to be named. */
export async function discoverPlugin(job: Job, signal: AbortSignal): Promise<Plugin | undefined> {
  for (const plugin of job.settings.plugins) {
    if (plugin.discover !== undefined && (await accepts(plugin, plugin.discover, job, signal))) return plugin;
  }
  return undefined;
}

/** The plugin that the source's block means. @throws RenderError when there is none */
export async function choosePlugin(job: Job, signal: AbortSignal): Promise<Plugin> {
  const { settings, source } = job;
  const name = source.plugin?.name ?? "";
  const chosen = name === "" ? await discoverPlugin(job, signal) : settings.plugins.find((one) => one.name === name);
  if (chosen === undefined) {
    const what = name === "" ? "no plugin says that it fits the source" : `there is no plugin "${name}"`;
    const known = settings.plugins.map((one) => one.name).join(", ") || "none";
    throw new RenderError("Unknown", `${what}; plugins are declared in the engine's configuration only: ${known}`);
  }
  if (name !== "" && chosen.discover !== undefined && !(await accepts(chosen, chosen.discover, job, signal))) {
    throw new RenderError("Unknown", `the plugin "${name}" does not accept the source: its discovery finds nothing`);
  }
  return chosen;
}

/** A plugin may read everything, so that its result is one of the whole tree (spec argo-cd-engine 7.7). */
export async function planPlugin(job: Job, plugin: Plugin, signal: AbortSignal): Promise<Plan> {
  const { source, path, inputs, context } = job;
  await inputs.add("");
  const env = { ...pluginEnvironment(job, plugin, source.plugin ?? {}), ...(await clusterVariables(job, signal)) };
  return {
    type: "Plugin",
    key: [plugin, path, env, context.instance, inputIds(inputs)],
    isVolatile: true,
    usesTool: true,
    async produce(stop) {
      const began = performance.now();
      await using folder = await openWorkingFolder(job.settings.workDirectory, inputs);
      job.log.step("export", performance.now() - began);
      await using git = plugin.getsCredentials ? await openGit(job, stop) : undefined;
      const all = { ...env, ...git?.env };
      const run = (command: PluginCommand, step: string): Promise<string> =>
        runIn(folder, job, { command, step, env: all }, stop);
      if (plugin.init !== undefined) await run(plugin.init, `${plugin.name} init`);
      const started = performance.now();
      const output = await run(plugin.generate, `${plugin.name} generate`);
      job.log.step(`${plugin.name} generate`, performance.now() - started);
      const manifests = parseOutput(output, `the plugin ${plugin.name}`).map(({ object }) => object);
      return { manifests, bytes: output.length };
    },
  };
}

/** As kustomize's remote bases are read; the repository of a chart has nothing for Git. */
async function openGit({ settings, context, source }: Job, signal: AbortSignal): Promise<ToolGit | undefined> {
  if (source.chart || source.repoURL.startsWith("oci://")) return undefined;
  return settings.git?.ofProject(context.project).openToolGit([source.repoURL], signal);
}

/** What only plugins are told of the cluster: whether they look at it cannot be known (spec argo-cd-engine 7.3). */
async function clusterVariables({ context, recorder }: Job, signal: AbortSignal): Promise<Record<string, string>> {
  const cluster = await context.versions?.(signal);
  if (cluster === undefined) return {};
  recorder.fact("cluster", JSON.stringify(cluster));
  return {
    KUBE_VERSION: plainVersion(cluster.kubeVersion) ?? cluster.kubeVersion,
    KUBE_API_VERSIONS: cluster.apiVersions.join(","),
  };
}

async function accepts(plugin: Plugin, discover: PluginDiscovery, job: Job, signal: AbortSignal): Promise<boolean> {
  const { path, inputs } = job;
  if (discover.kind !== "command") {
    const matches = compileDoublestar(discover.glob.replace(/^\.\//, ""));
    const below = (file: string): string => file.slice(path === "" ? 0 : path.length + 1);
    return (await inputs.main.list(path)).some((entry) => matches(below(entry.path)));
  }
  await inputs.add("");
  await using folder = await openWorkingFolder(job.settings.workDirectory, inputs);
  await using git = plugin.getsCredentials ? await openGit(job, signal) : undefined;
  try {
    const call = { command: discover, step: "discover", env: { ...job.environment(), ...git?.env } };
    return (await runIn(folder, job, call, signal)).trim() !== "";
  } catch (error) {
    if (error instanceof EngineError) return false; // It does not fit: another plugin, or none, is the source's.
    throw error;
  }
}

interface Run {
  readonly command: PluginCommand;
  readonly step: string;
  readonly env: Readonly<Record<string, string>>;
}

function runIn(folder: WorkingFolder, { settings, path }: Job, { command, step, env }: Run, signal: AbortSignal) {
  const [program = "", ...first] = command.command;
  const cwd = join(folder.source, path);
  return settings.tools.runCommand(
    program,
    { args: [...first, ...command.args], cwd, folder, env, label: step },
    signal,
  );
}

/** What commands see: the build environment, the source's own variables, and the parameters. */
export function pluginEnvironment(
  { variable, environment }: Pick<Job, "variable" | "environment">,
  { parameters: announced }: Pick<Plugin, "parameters">,
  { env = [], parameters = [] }: PluginOptions,
): Readonly<Record<string, string>> {
  const own = env.map(({ name = "", value = "" }) => [`ARGOCD_ENV_${name}`, substitute(value, variable)] as const);
  const named = new Set(parameters.map(({ name }) => name));
  const defaults = announced.filter(
    ({ name }) => !named.has(typeof name === "string" ? name : ""),
  ) as PluginOptions["parameters"] & object;
  const each = [...defaults, ...parameters].flatMap(({ name = "", string, array, map }) => [
    ...(string === undefined ? [] : [[`PARAM_${shell(name)}`, string] as const]),
    ...(array ?? []).map((value, index) => [`PARAM_${shell(name)}_${index}`, value] as const),
    ...Object.entries(map ?? {}).map(([key, value]) => [`PARAM_${shell(name)}_${shell(key)}`, value] as const),
  ]);
  return {
    ...environment(),
    ...Object.fromEntries([...own, ...each]),
    ARGOCD_APP_PARAMETERS: JSON.stringify(parameters as unknown as JsonObject[]),
  };
}

function shell(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
}
