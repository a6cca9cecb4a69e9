import { posix } from "node:path";
import { parseApplication } from "../../api/application.ts";
import type { ApplicationSource } from "../../api/application-types.ts";
import { listOf, objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { argoApiVersion } from "../../api/resources.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { parseYaml } from "../../base/yaml.ts";
import { imagesIn } from "../../gitops/reconcile/images.ts";
import { type ResolveDeps, resolveTree } from "../../gitops/reconcile/resolve-source.ts";
import { renderTarget, type TargetDeps } from "../../gitops/reconcile/target.ts";
import { declaredType, detectType, kustomizationFiles } from "../../gitops/render/source-type.ts";
import type { SourceTree, TreeEntry } from "../../gitops/source/source.ts";

/** What forms and command lines ask of repositories, with the credentials of a project. @throws EngineError GIT_*, CHART_* */
export interface RepositoryLooks {
  refs(
    url: string,
    project: string,
  ): Promise<{ readonly branches: readonly string[]; readonly tags: readonly string[] }>;
  /** Of an artifact, as the registry lists them. */
  tags(url: string, project: string): Promise<readonly string[]>;
  /** Of a Helm repository, by name; versions as its index lists them. */
  charts(
    url: string,
    project: string,
  ): Promise<readonly { readonly name: string; readonly versions: readonly string[] }[]>;
  /** Folders that a tool can render, by path. */
  apps(
    url: string,
    project: string,
    revision: string,
  ): Promise<readonly { readonly type: string; readonly path: string }[]>;
  /** What can be set of a source: `{type, helm | kustomize | directory | plugin}`. */
  details(source: JsonObject, project: string, appName: string): Promise<JsonObject>;
  /** Of `Chart.yaml`. */
  chart(source: ApplicationSource, project: string, revision: string): Promise<JsonObject>;
  /** Of an artifact's annotations. */
  artifact(source: ApplicationSource, project: string, revision: string): Promise<JsonObject>;
}

export type RepositoryLooksDeps = ResolveDeps & TargetDeps;

const timeoutMs = 20_000;
const maxApps = 5_000;
const request = { level: 2, hard: false, seen: [] } as const;

export function createRepositoryLooks(deps: RepositoryLooksDeps): RepositoryLooks {
  const { sources, charts } = deps;
  const soon = (): AbortSignal => AbortSignal.timeout(timeoutMs);
  const openTree = (source: ApplicationSource, project: string, revision?: string): Promise<SourceTree> =>
    resolveTree({ source, revision, project }, request, deps, soon());
  return {
    async refs(url, project) {
      const refs = [...(await sources.ofProject(project).tips(url, soon())).keys()];
      const named = (prefix: string): readonly string[] =>
        refs.flatMap((ref) => (ref.startsWith(prefix) ? [ref.slice(prefix.length)] : []));
      return { branches: named("refs/heads/"), tags: named("refs/tags/") };
    },
    tags: (url, project) => charts.tags(url, project, soon()),
    charts: (url, project) => charts.list(url, project, soon()),
    async apps(url, project, revision) {
      const tree = await openTree({ repoURL: url } as ApplicationSource, project, revision || "HEAD");
      return appsIn(await tree.listFiles("", soon()));
    },
    async details(written, project, appName) {
      const { application, source } = candidateOf(written, project, appName);
      const tree = await openTree(source, project);
      const path = source.chart ? "" : (source.path ?? "");
      const files = (await tree.listFiles(path, soon())).filter(({ kind }) => kind !== "submodule");
      const names = files.map((file) => relativeTo(path, file.path)).filter((name) => !name.includes("/"));
      const type = declaredType(source) ?? detectType(names);
      if (type === "Helm") return { type, helm: await helmDetails(tree, path, names, source) };
      if (type === "Kustomize") {
        const { manifests } = await renderTarget(application, [], request, undefined, deps, soon());
        const images = new Set(manifests.flatMap(imagesIn));
        return { type, kustomize: { images: [...images].toSorted() } };
      }
      return { type, ...(type === "Directory" ? { directory: {} } : { plugin: {} }) };
    },
    async chart(source, project, revision) {
      const tree = await openTree(source, project, revision);
      const path = posix.join(source.chart ? "" : (source.path ?? ""), "Chart.yaml");
      const { description, home, maintainers } = objectOf(yamlIn(await tree.read(path, soon()), path));
      const people = objectsOf(maintainers).map(({ name, email }) => {
        const address = textOf(email) === "" ? "" : ` <${textOf(email)}>`;
        return `${textOf(name)}${address}`.trim();
      });
      return { description: textOf(description), home: textOf(home), maintainers: people };
    },
    async artifact({ repoURL }, project, revision) {
      const told = await charts.annotations({ repository: repoURL, project, revision }, soon());
      const of = (name: string): string => told[`org.opencontainers.image.${name}`] ?? "";
      return {
        authors: of("authors"),
        createdAt: of("created"),
        description: of("description"),
        docsUrl: of("documentation"),
        imageUrl: of("url"),
        sourceUrl: of("source"),
        version: of("version"),
      };
    },
  };
}

/** An Application of this source alone, which is not there. @throws EngineError USAGE */
function candidateOf(source: JsonObject, project: string, name: string) {
  const metadata = { namespace: "argocd", name: name || "preview" };
  const spec = { project, source, destination: { namespace: "default" } };
  const { resource } = parseApplication({ apiVersion: argoApiVersion, kind: "Application", metadata, spec });
  const [only] = resource.sources;
  if (only === undefined || only.repoURL === "") throw new EngineError("USAGE", "source.repoURL: must be given");
  return { application: resource, source: only };
}

function appsIn(files: readonly TreeEntry[]) {
  const found = new Map<string, string>();
  for (const { path } of files) {
    const name = posix.basename(path);
    const type = name === "Chart.yaml" ? "Helm" : kustomizationFiles.includes(name) ? "Kustomize" : undefined;
    const folder = posix.dirname(path);
    if (type !== undefined && found.get(folder) !== "Kustomize" && found.size < maxApps) found.set(folder, type);
  }
  return [...found].map(([path, type]) => ({ type, path })).toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function helmDetails(
  tree: SourceTree,
  path: string,
  names: readonly string[],
  source: ApplicationSource,
): Promise<JsonObject> {
  const signal = AbortSignal.timeout(timeoutMs);
  const valueFiles = names.filter((name) => /values.*\.ya?ml$/.test(name)).toSorted();
  const read = async (name: string): Promise<string> =>
    (await tree.read(posix.join(path, name), signal)).toString("utf8");
  const values = names.includes("values.yaml") ? await read("values.yaml") : "";
  const merged = new Map(flat(yamlIn(Buffer.from(values), "values.yaml"), ""));
  // Those of other sources and of the web are not read here.
  const own = listOf(source.helm?.valueFiles as JsonValue | undefined).map(textOf);
  for (const name of own.filter((one) => valueFiles.includes(one))) {
    for (const [key, value] of flat(yamlIn(Buffer.from(await read(name)), name), "")) merged.set(key, value);
  }
  const chart = objectOf(yamlIn(Buffer.from(await read("Chart.yaml")), "Chart.yaml"));
  return {
    name: textOf(chart.name),
    valueFiles: [...valueFiles],
    parameters: [...merged].map(([name, value]) => ({ name, value })).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    values,
    fileParameters: [],
  };
}

/** Values as `--set` names them: `a.b`, `list[0]`. */
function flat(value: unknown, prefix: string): readonly (readonly [name: string, value: string])[] {
  if (Array.isArray(value)) return value.flatMap((one, at) => flat(one, `${prefix}[${at}]`));
  if (isJsonObject(value)) {
    return Object.entries(value).flatMap(([key, inner]) => {
      const name = key.replaceAll(".", "\\.");
      return flat(inner, prefix === "" ? name : `${prefix}.${name}`);
    });
  }
  return prefix === "" || value === undefined ? [] : [[prefix, value === null ? "" : String(value)]];
}

function yamlIn(content: Buffer, path: string): JsonValue {
  const text = content.toString("utf8");
  if (text.trim() === "") return null;
  try {
    return (parseYaml(text)[0] ?? null) as JsonValue;
  } catch (error) {
    throw new TerminalError("MANIFEST_INVALID", `${path} is no YAML`, error);
  }
}

function relativeTo(folder: string, path: string): string {
  const base = posix.normalize(folder || ".").replace(/^\.\/|\/$/g, "");
  return base === "." || base === "" ? path : posix.relative(base, path);
}
