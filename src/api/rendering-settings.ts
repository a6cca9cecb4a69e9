import { objectOf, textOf } from "./fields.ts";

/** What `argocd-cm` and `argocd-cmd-params-cm` say of how sources are rendered (spec argo-cd-engine 0.3, 0.4, 7). */
export interface RenderingSettings {
  /** Types that are switched off. */
  readonly disabled: readonly ("Helm" | "Kustomize" | "Jsonnet")[];
  /** For every `kustomize build` whose version has none of its own. */
  readonly kustomizeBuildOptions: readonly string[];
  readonly kustomizeVersions: Readonly<Record<string, KustomizeVersion>>;
  /** Of addresses of value files, in lower case. */
  readonly valueFileSchemes: readonly string[];
  /** Of the manifests of one folder together. */
  readonly maxDirectoryBytes: number;
  /** Whether the files of submodules are part of a repository's. */
  readonly readsSubmodules: boolean;
  /** Programs that run at once; absent: as many as suit the machine. Counts from the next start. */
  readonly toolsAtOnce?: number;
}

/** What a source that asks for a version of kustomize gets. */
export interface KustomizeVersion {
  readonly buildOptions?: readonly string[];
  /** A program of this machine. */
  readonly path?: string;
}

export const defaultRenderingSettings: RenderingSettings = {
  disabled: [],
  kustomizeBuildOptions: [],
  kustomizeVersions: {},
  valueFileSchemes: ["https", "http"],
  maxDirectoryBytes: 10_000_000,
  readsSubmodules: true,
};

const types = { "helm.enable": "Helm", "kustomize.enable": "Kustomize", "jsonnet.enable": "Jsonnet" } as const;
export const maxSizeKey = "reposerver.max.combined.directory.manifests.size";

/**
 * The data of both ConfigMaps, over what counts where they say nothing. Does not throw: what cannot be read is in
 * `problems`, and counts as not said.
 */
export function parseRenderingSettings(
  main: unknown,
  parameters: unknown,
  base: RenderingSettings = defaultRenderingSettings,
): { readonly settings: RenderingSettings; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const data = objectOf(main as never);
  const params = objectOf(parameters as never);
  const said = (key: string): string => textOf(data[key]).trim();
  const buildOptions = words(said("kustomize.buildOptions"));
  const schemes = said("helm.valuesFileSchemes")
    .split(",")
    .flatMap((one) => one.trim().toLowerCase() || []);
  const size = textOf(params[maxSizeKey]).trim();
  const atOnce = textOf(params["reposerver.parallelism.limit"]).trim();
  if (!/^\d{0,6}$/.test(atOnce)) {
    problems.push(`argocd-cmd-params-cm: reposerver.parallelism.limit: "${atOnce}" must be a number, 0 for no limit`);
  }
  const bytes = size === "" ? base.maxDirectoryBytes : parseSize(size);
  if (bytes === undefined)
    problems.push(`argocd-cmd-params-cm: ${maxSizeKey}: "${size}" must be a size such as 10M or 10Mi`);
  return {
    problems,
    settings: {
      disabled: Object.entries(types).flatMap(([key, type]) => (said(key) === "false" ? [type] : [])),
      kustomizeBuildOptions: buildOptions.length === 0 ? base.kustomizeBuildOptions : buildOptions,
      kustomizeVersions: versionsIn(data, problems),
      valueFileSchemes: Object.hasOwn(data, "helm.valuesFileSchemes") ? schemes : base.valueFileSchemes,
      maxDirectoryBytes: bytes ?? base.maxDirectoryBytes,
      ...(/^\d{1,6}$/.test(atOnce) && Number(atOnce) > 0 ? { toolsAtOnce: Number(atOnce) } : {}),
      readsSubmodules: textOf(params["reposerver.enable.git.submodule"]).trim() !== "false" && base.readsSubmodules,
    },
  };
}

function versionsIn(
  data: Readonly<Record<string, unknown>>,
  problems: string[],
): RenderingSettings["kustomizeVersions"] {
  const versions: Record<string, KustomizeVersion> = {};
  for (const [key, value] of Object.entries(data)) {
    const [, what, version] = /^kustomize\.(buildOptions|path|version)\.(.+)$/.exec(key) ?? [];
    const text = typeof value === "string" ? value.trim() : "";
    if (version === undefined || text === "") continue;
    const name = version.replace(/^v/, "");
    if (what === "buildOptions") versions[name] = { ...versions[name], buildOptions: words(text) };
    // Whoever may write the ConfigMap names a program, but not any.
    else if (/^\/(?:.*\/)?[^/]*kustomize[^/]*$/.test(text)) versions[name] = { ...versions[name], path: text };
    else
      problems.push(`argocd-cm: ${key}: "${text}" must be the absolute path of a program with kustomize in its name`);
  }
  return versions;
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

const units = { "": 1, k: 1e3, M: 1e6, G: 1e9, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 } as const;

/** Bytes, in Kubernetes' way to write a quantity; 0: no limit. */
function parseSize(text: string): number | undefined {
  const [, number = "", unit = ""] = /^(\d{1,12}(?:\.\d{1,6})?)([kMG]|[KMG]i)?$/.exec(text) ?? [];
  if (number === "") return undefined;
  const bytes = Math.floor(Number(number) * units[unit as keyof typeof units]);
  return bytes === 0 ? Number.MAX_SAFE_INTEGER : bytes;
}
