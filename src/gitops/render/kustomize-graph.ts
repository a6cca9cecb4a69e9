import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { parseLooseYamlDocuments, repeatsTooMuch, YamlError } from "../../base/yaml.ts";
import type { Inputs } from "./inputs.ts";
import { RenderError } from "./render.ts";
import { kustomizationFiles } from "./source-type.ts";
import { type Found, normalPath, type TreeReader } from "./tree-reader.ts";

/** What a kustomization and all that it is made of say. */
export interface KustomizationFacts {
  /** Something is not in the tree: kustomize may fetch it from elsewhere, or know better where it is. */
  readonly reachesOut: boolean;
  /** Repositories that it names, as far as they can be told. */
  readonly repositories: readonly string[];
  /** Variables that env files take from the environment: lines without a value. */
  readonly variables: readonly string[];
  /** Charts are inflated. */
  readonly usesHelm: boolean;
  /** Where those come from that are not in the tree. */
  readonly chartRepositories: readonly string[];
}

const maxKustomizations = 1_000;
const maxRepositories = 50;
/** That one kustomization names. */
const maxNames = 20_000;

interface Walk {
  readonly inputs: Inputs;
  /** Kustomize may read any file: what cannot be looked at is refused. */
  readonly isUnrestricted: boolean;
  readonly seen: Set<string>;
  readonly variables: Set<string>;
  readonly repositories: Set<string>;
  readonly chartRepositories: Set<string>;
  reachesOut: boolean;
  usesHelm: boolean;
}

/** Adds the kustomization's files, those of its bases and components, and every file that they name. */
export async function readKustomization(
  path: string,
  inputs: Inputs,
  more: { readonly files: readonly string[]; readonly folders: readonly string[]; readonly isUnrestricted: boolean },
): Promise<KustomizationFacts> {
  const walk: Walk = {
    inputs,
    isUnrestricted: more.isUnrestricted,
    seen: new Set(),
    variables: new Set(),
    repositories: new Set(),
    chartRepositories: new Set(),
    reachesOut: false,
    usesHelm: false,
  };
  await visit(path, walk);
  for (const file of more.files) await addFile(path, file, walk);
  for (const folder of more.folders) await addResource(path, folder, walk);
  const { reachesOut, usesHelm, variables, repositories, chartRepositories } = walk;
  const charts = [...chartRepositories].slice(0, maxRepositories);
  return {
    reachesOut,
    usesHelm,
    variables: [...variables].sort(),
    repositories: [...repositories],
    chartRepositories: charts,
  };
}

/** `base`: what paths in generators and transformers are relative to, where the folder holds such for another one. */
async function visit(folder: string, walk: Walk, base = folder): Promise<void> {
  const { inputs, seen } = walk;
  const key = `${folder}\n${base}`;
  if (seen.has(key)) return;
  if (seen.size >= maxKustomizations) {
    walk.reachesOut = true;
    return;
  }
  seen.add(key);
  await inputs.main.prepare(folder);
  for (const name of kustomizationFiles) {
    const found = await inputs.add(join(folder, name));
    if (found === undefined || found.kind === "folder") continue;
    const text = await inputs.main.text({ ...found, kind: "file" });
    for (const object of objectsIn(text, found.path, walk)) await visitObject(folder, object, walk, base);
  }
}

async function visitObject(folder: string, object: JsonObject, walk: Walk, base = folder): Promise<void> {
  const named = filesNamedBy(object);
  const count = Object.values(named).reduce<number>((sum, one) => sum + (Array.isArray(one) ? one.length : 0), 0);
  if (count > maxNames) throw new RenderError("Unknown", `${folder}: it names over ${maxNames} files`);
  await fetchTogether(folder, [...named.resources, ...named.plugins, ...named.files], walk);
  for (const one of named.resources) await addResource(folder, one, walk, base === folder ? undefined : base);
  for (const one of named.plugins) await addResource(folder, one, walk, folder);
  for (const one of named.files) await addFile(folder, one, walk);
  for (const one of named.envFiles) await addEnvFile(folder, one, walk);
  for (const text of named.inline)
    await visitConfiguration(folder, text, `${folder}: an inline generator or transformer`, walk);
  for (const one of named.charts) pathWithin(folder, one);
  // Generators and charts name files of their folder in ways of their own.
  if (named.usesFolder) await walk.inputs.add(folder);
  for (const one of named.folders) await addFile(folder, one, walk);
  if (named.usesHelm) walk.usesHelm = true;
  for (const one of named.chartRepositories) walk.chartRepositories.add(one);
}

/** Files come in one request, not one by one. */
async function fetchTogether(folder: string, names: readonly string[], { inputs: { main } }: Walk): Promise<void> {
  const found = await Promise.all(names.map(async (name) => findWithin(folder, name, main)));
  await main.contents(
    found.flatMap((one) => (one?.kind === "file" || one?.kind === "executable" ? [{ ...one, kind: one.kind }] : [])),
  );
}

/** Undefined for what is no path, too: whoever needs it says so. */
async function findWithin(folder: string, name: string, main: TreeReader): Promise<Found | undefined> {
  try {
    return await main.look(join(folder, name));
  } catch (error) {
    if (error instanceof EngineError && error.code === "GIT_PATH_INVALID") return undefined;
    throw error;
  }
}

/**
 * The repository of a remote base, as its Secret would name it: `https://h/o/r//path?ref=v1`, `git@h:o/r.git/path`,
 * `github.com/o/r`. Undefined where it cannot be told.
 */
export function repositoryIn(name: string): string | undefined {
  const [text = ""] = name.replace(/^git::/, "").split("?");
  const [, scheme = "", rest = ""] = /^((?:https?|ssh):\/\/)?(.*)$/s.exec(text) ?? [];
  const folder = rest.indexOf("//");
  const suffix = /\.git(?=\/|$)/.exec(rest);
  const onGitHub = /^(?:[\w.-]+@)?(?:www\.)?github\.com[/:][\w.-]+\/[\w.-]+/.exec(rest);
  const own = folder >= 0 ? rest.slice(0, folder) : suffix ? rest.slice(0, suffix.index + 4) : onGitHub?.[0];
  if (own === undefined || own.includes("\n") || !/^[\w.@:[\]-]+[/:]/.test(own)) return undefined;
  const isScp = /^[\w.+-]+@[\w.-]+:/.test(own);
  return scheme !== "" || isScp ? scheme + own : `https://${own}`;
}

/** A file, a folder with a kustomization, or something elsewhere. */
async function addResource(folder: string, name: string, walk: Walk, base?: string): Promise<void> {
  const path = pathWithin(folder, name);
  const found = path === undefined ? undefined : (await walk.inputs.main.follow(path, "look")).found;
  if (path === undefined || found === undefined) {
    walk.reachesOut = true;
    const repository = repositoryIn(name);
    if (repository !== undefined && walk.repositories.size < maxRepositories) walk.repositories.add(repository);
    return;
  }
  if (found.kind !== "folder") await addResourceFile(base ?? folder, path, walk);
  else if (found.path === path) await visit(path, walk, base);
  else await walk.inputs.add(path).then(() => visit(found.path, walk, base));
}

/** `folder`: what paths in generators and transformers are relative to. */
async function addResourceFile(folder: string, path: string, walk: Walk): Promise<void> {
  const found = await walk.inputs.add(path);
  if (found === undefined || found.kind === "folder") return;
  const text = await walk.inputs.main.text({ ...found, kind: "file" });
  refuseBomb(text, path);
  // A kind may be spelt with escapes: where files of the machine are within reach, all are looked at.
  if (walk.isUnrestricted || /Generator|Transformer/.test(text)) await visitConfiguration(folder, text, path, walk);
}

const generatorFields: Readonly<Record<string, string>> = {
  ConfigMapGenerator: "configMapGenerator",
  SecretGenerator: "secretGenerator",
  HelmChartInflationGenerator: "helmCharts",
};

/** Generators and transformers name files as a kustomization does. */
async function visitConfiguration(folder: string, text: string, where: string, walk: Walk): Promise<void> {
  refuseBomb(text, where);
  for (const object of objectsIn(text, where, walk)) {
    const { kind, path, paths, replacements = [] } = object;
    const field = generatorFields[String(kind)];
    if (field !== undefined) await visitObject(folder, { [field]: [object] }, walk);
    else if (/(?:Generator|Transformer)$/.test(String(kind))) {
      const patches = [path, ...(Array.isArray(paths) ? paths : [])].map((one) => ({ path: one ?? null }));
      await visitObject(folder, { patches, replacements }, walk);
    }
  }
}

/** Kustomize has no limit of its own for what aliases repeat in resources. */
function refuseBomb(text: string, where: string): void {
  if (!/&[\w-]/.test(text) || !/\*[\w-]/.test(text)) return;
  try {
    parseLooseYamlDocuments(text);
  } catch (error) {
    if (error instanceof YamlError && error.reason === repeatsTooMuch) {
      throw new RenderError("Unknown", `${where}: ${error.reason}`);
    }
    // Kustomize says what else is wrong with it.
  }
}

async function addFile(folder: string, name: string, walk: Walk): Promise<void> {
  const path = pathWithin(folder, name);
  if (path !== undefined) await walk.inputs.add(path);
}

async function addEnvFile(folder: string, name: string, walk: Walk): Promise<void> {
  const path = pathWithin(folder, name);
  const found = path === undefined ? undefined : await walk.inputs.add(path);
  if (found === undefined || found.kind === "folder") return;
  const text = await walk.inputs.main.text({ ...found, kind: "file" });
  for (const line of text.split("\n").map((one) => one.trim())) {
    if (line !== "" && !line.startsWith("#") && !line.includes("=")) walk.variables.add(line);
  }
}

/**
 * Undefined for what is an address, not a path. Kustomize may be told to read any file: what leads out of the tree is
 * refused before it runs. @throws RenderError
 */
function pathWithin(folder: string, name: string): string | undefined {
  if (name.includes("\n") || /^[\w+.-]+:\/\/|^[\w.-]+@[\w.-]+:|^git::/.test(name)) return undefined;
  const leaving = () => new RenderError("Unknown", `${folder}: ${JSON.stringify(name)} leads out of the repository`);
  if (name.startsWith("/")) throw leaving();
  try {
    return join(folder, name);
  } catch {
    throw leaving();
  }
}

function join(folder: string, name: string): string {
  return normalPath(`${folder}/${name}`);
}

function objectsIn(text: string, where: string, { isUnrestricted }: Walk): readonly JsonObject[] {
  try {
    return parseLooseYamlDocuments(text).flatMap(({ value }) => (isJsonObject(value) ? [value] : []));
  } catch (error) {
    if (isUnrestricted) throw new RenderError("Unknown", `${where}: ${messageOf(error)}`, error);
    return []; // kustomize says what is wrong with it, and reads no file that is not in the tree.
  }
}

/** What a kustomization names, by what it may be. Texts with line feeds are content, not names. */
export function filesNamedBy(kustomization: JsonObject) {
  const list = (key: string): readonly unknown[] => (Array.isArray(kustomization[key]) ? kustomization[key] : []);
  const names = (...keys: readonly string[]): readonly string[] => keys.flatMap(list).filter(isName);
  const fields = (key: string, field: string): readonly string[] =>
    list(key).flatMap((one) => (isJsonObject(one) && isName(one[field]) ? [one[field]] : []));
  const generators = [...list("configMapGenerator"), ...list("secretGenerator")].filter(isJsonObject);
  const charts = [...list("helmCharts"), ...list("helmChartInflationGenerator").map(ofOldChart)].filter(isJsonObject);
  const openapi = isJsonObject(kustomization.openapi) ? [kustomization.openapi.path].filter(isName) : [];
  const plugins = ["generators", "transformers", "validators"];
  const globals = isJsonObject(kustomization.helmGlobals) ? kustomization.helmGlobals : {};
  const usesHelm = ["helmCharts", "helmGlobals", "helmChartInflationGenerator"].some(
    (key) => kustomization[key] !== undefined,
  );
  return {
    resources: names("resources", "bases", "components"),
    plugins: names(...plugins),
    files: [
      ...names("crds", "configurations", "patchesStrategicMerge"),
      ...["patches", "patchesJson6902", "replacements"].flatMap((key) => fields(key, "path")),
      ...generators.flatMap(({ files }) => (Array.isArray(files) ? files.filter(isName).map(afterKey) : [])),
      ...openapi,
      ...charts.flatMap(({ valuesFile, additionalValuesFiles }) =>
        [valuesFile, ...(Array.isArray(additionalValuesFiles) ? additionalValuesFiles : [])].filter(isName),
      ),
    ],
    folders: [...charts, kustomization.helmGlobals].filter(isJsonObject).flatMap(({ chartHome }) => {
      return isName(chartHome) ? [chartHome] : [];
    }),
    envFiles: generators.flatMap(({ env, envs }) => [env, ...(Array.isArray(envs) ? envs : [])].filter(isName)),
    usesFolder: usesHelm || plugins.some((key) => list(key).length > 0),
    usesHelm,
    /** YAML in place of a file's name. */
    inline: plugins.flatMap(list).flatMap((one) => (typeof one === "string" && one.includes("\n") ? [one] : [])),
    /** Folders of charts, which need not be there. */
    charts: charts.flatMap(({ name, chartHome = globals.chartHome }) => {
      return isName(name) ? [`${isName(chartHome) ? chartHome : "charts"}/${name}`] : [];
    }),
    chartRepositories: charts.flatMap(({ repo }) => (isName(repo) ? [repo] : [])),
  };
}

/** As kustomize 3 spelt it, and 5 still reads it. */
function ofOldChart(value: unknown): JsonObject {
  const { chartName = null, chartHome = null, chartRepoUrl = null, values = null } = isJsonObject(value) ? value : {};
  return { name: chartName, chartHome, repo: chartRepoUrl, valuesFile: values };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !value.includes("\n");
}

/** `key=path` */
function afterKey(text: string): string {
  return text.slice(text.indexOf("=") + 1);
}
