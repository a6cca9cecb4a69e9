import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dependencyAccess } from "./dependency-access.ts";
import { helmArguments, plainVersion, saidVersion } from "./helm-arguments.ts";
import { type ChartFacts, callsVolatile, readChart } from "./helm-chart.ts";
import { buildDependencies, type RunHelm } from "./helm-dependencies.ts";
import { resolveFileParameter, resolveValueFiles, type ValueFile, type ValueFileScope } from "./helm-values.ts";
import { inputIds } from "./inputs.ts";
import { parseOutput } from "./manifest-file.ts";
import { isPermittedIn, type Job, type Plan, type Produced, permittedFact, useTool } from "./plan.ts";
import { RenderError } from "./render.ts";
import { proxyVariables } from "./tool-proxy.ts";
import type { Tool } from "./tools.ts";
import { openWorkingFolder, type WorkingFolder } from "./working-folder.ts";

type Template = (place: (file: ValueFile) => string, inlineValues: string | undefined) => readonly string[];

/** A chart in a folder (spec argo-cd-engine 7.4). */
export async function planHelm(job: Job, signal: AbortSignal): Promise<Plan> {
  const { source, path, inputs, context, rendering, variable } = job;
  const options = source.helm ?? {};
  if (!["", "v3", "v4"].includes(options.version ?? "")) {
    throw new RenderError("Unknown", `helm.version: "${options.version}" must be v3, v4 or empty`);
  }
  const tool = await useTool("helm", job, signal);
  const facts = await readChart(path, inputs);
  checkRepositories(facts.repositories, job);
  const { isMultiSource, chartRefs = [] } = context;
  const schemes = rendering.valueFileSchemes;
  const scope: ValueFileScope = { chart: path, inputs, isMultiSource, chartRefs, variable, schemes };
  const valueFiles = await resolveValueFiles(options, scope);
  const fileParameters = (options.fileParameters ?? []).map(({ name = "", path: file = "" }) => {
    return [name, resolveFileParameter(file, scope)] as const;
  });
  for (const [, file] of fileParameters) if (file.kind === "file") await inputs.add(file.path, file.reader);
  const inline = inlineValues(job);
  const versions = await versionsOf(job, facts, await valueTexts(job, valueFiles, inline), signal);
  const template: Template = (place, inlineFile) =>
    helmArguments(options, {
      releaseName: options.releaseName || context.appName,
      namespace: options.namespace || context.namespace,
      apiVersions: versions.apiVersions,
      valueFiles: valueFiles.map(place),
      fileParameters: fileParameters.map(([name, file]) => [name, place(file)]),
      variable: job.variable,
      ...(versions.kubeVersion === undefined ? {} : { kubeVersion: versions.kubeVersion }),
      ...(inlineFile === undefined ? {} : { inlineValues: inlineFile }),
    });
  // What one project may read by its own credentials is not kept for another.
  const scopes = facts.repositories.map((url) => dependencyAccess(url, job)?.scope ?? "");
  const nameOf = (file: ValueFile): string => (file.kind === "url" ? file.url : `${file.reader.ref}:${file.path}`);
  const urls = [...valueFiles, ...fileParameters.map(([, file]) => file)].flatMap((file) =>
    file.kind === "url" ? [file.url] : [],
  );
  const reachesOut = facts.repositories.length > 0 || urls.length > 0;
  return {
    type: "Helm",
    key: [tool.version, path, template(nameOf, inline), inputIds(inputs), scopes],
    isVolatile: facts.isVolatile || versions.isVolatile || reachesOut,
    usesTool: true,
    produce: (stop) => run(job, { tool, facts, template, urls, ...(inline === undefined ? {} : { inline }) }, stop),
  };
}

/** @throws RenderError for those that the project does not permit */
function checkRepositories(repositories: readonly string[], { context, recorder }: Job): void {
  const refused = repositories.filter((repository) => {
    const isPermitted = isPermittedIn(context, repository);
    recorder.fact(`${permittedFact}${repository}`, String(isPermitted));
    return !isPermitted;
  });
  if (refused.length === 0) return;
  const message = `helm repos ${refused.join(", ")} are not permitted in project '${context.project}'`;
  throw new RenderError("PermissionDenied", message);
}

/** JSON is YAML. */
function inlineValues({ source: { helm = {} } }: Job): string | undefined {
  if (helm.valuesObject !== undefined) return JSON.stringify(helm.valuesObject);
  return helm.values === undefined || helm.values === "" ? undefined : helm.values;
}

/** All that `tpl` may be handed as a template. */
async function valueTexts({ source }: Job, files: readonly ValueFile[], inline: string | undefined): Promise<string> {
  const texts = [inline ?? "", JSON.stringify(source.helm?.parameters ?? [])];
  for (const file of files) {
    if (file.kind !== "file") continue;
    const { found } = await file.reader.follow(file.path);
    if (found?.kind === "file" || found?.kind === "executable") {
      texts.push(await file.reader.checkedText({ ...found, kind: found.kind }));
    }
  }
  return texts.join("\n");
}

/** What the chart is told of the cluster: only what it can see, so that nothing else is a reason to render it again. */
async function versionsOf({ source, context, recorder }: Job, facts: ChartFacts, values: string, signal: AbortSignal) {
  const { kubeVersion, apiVersions = [] } = source.helm ?? {};
  const isVolatile = callsVolatile(values);
  const isSaid = Boolean(kubeVersion) && apiVersions.length > 0;
  const isNeeded = facts.usesVersions || values.includes("Capabilities");
  const cluster = isSaid || !isNeeded ? undefined : await context.versions?.(signal);
  if (cluster !== undefined) recorder.fact("cluster", JSON.stringify(cluster));
  const version = saidVersion(kubeVersion, "helm.kubeVersion") ?? plainVersion(cluster?.kubeVersion ?? "");
  return {
    isVolatile,
    apiVersions: apiVersions.length > 0 ? apiVersions : (cluster?.apiVersions ?? []),
    ...(version === undefined ? {} : { kubeVersion: version }),
  };
}

interface Run {
  readonly tool: Tool;
  readonly facts: ChartFacts;
  readonly template: Template;
  /** Of value files. */
  readonly urls: readonly string[];
  readonly inline?: string;
}

async function run(job: Job, { tool, facts, template, urls, inline }: Run, signal: AbortSignal): Promise<Produced> {
  const { settings, inputs, path, log } = job;
  const exported = performance.now();
  await using folder = await openWorkingFolder(settings.workDirectory, inputs);
  const inlineFile = join(folder.root, "inline-values.yaml");
  if (inline !== undefined) await writeFile(inlineFile, inline);
  log.step("export", performance.now() - exported);
  const cwd = join(folder.source, path);
  const env = homes(folder);
  const helm: RunHelm = (args, label, { input, env: more } = {}) => {
    const call = { args, cwd, folder, env: { ...env, ...more }, label };
    return settings.tools.run(tool, { ...call, ...(input === undefined ? {} : { input }) }, signal);
  };
  if (facts.lacksDependencies) await buildDependencies(helm, folder, facts.repositories, job);
  const place = (file: ValueFile): string => {
    if (file.kind === "url") return file.url;
    return join(file.reader === inputs.main ? folder.source : folder.refRoot(file.reader.ref), file.path);
  };
  const began = performance.now();
  const args = template(place, inline === undefined ? undefined : inlineFile);
  const output = await helm(args, "helm template .", { env: proxyVariables(urls, job) });
  log.step("helm template", performance.now() - began);
  return { manifests: parseOutput(output, "helm template").map(({ object }) => object), bytes: output.length };
}

function homes({ home }: WorkingFolder): Record<string, string> {
  return {
    HELM_CACHE_HOME: join(home, "cache"),
    HELM_CONFIG_HOME: join(home, "config"),
    HELM_DATA_HOME: join(home, "data"),
  };
}
