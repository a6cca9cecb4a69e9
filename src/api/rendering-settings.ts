import { parseGoBool } from "../base/go/values.ts";
import { objectOf, textOf } from "./fields.ts";
import { createReader, type Reader } from "./parameter-reader.ts";
import { withoutEffect } from "./rendering-keys.ts";

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
  /** Links that lead out of a repository: the source is refused, or they lead nowhere. They are never followed. */
  readonly linksOut: "refused" | "nowhere";
  readonly fetching: FetchingSettings;
  /** Programs that run at once; absent: as many as suit the machine. Counts from the next start. */
  readonly toolsAtOnce?: number;
}

/** How repositories are asked. */
export interface FetchingSettings {
  /** Of one list of a Git repository's refs. */
  readonly listTimeoutMs: number;
  /** Such lists at once; 0: as many as there are requests. */
  readonly listsAtOnce: number;
  /** Of an OCI artifact, once unpacked. */
  readonly maxArtifactBytes: number;
  /** Of layers that are unpacked; absent: those that are known. */
  readonly layerTypes?: readonly string[];
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
  linksOut: "refused",
  // The original's is 1G: artifacts are unpacked in memory here.
  fetching: { listTimeoutMs: 15_000, listsAtOnce: 0, maxArtifactBytes: 256 * 1024 * 1024 },
};

/** What is said of lists of refs. */
export function listingOf({ fetching }: RenderingSettings): { readonly timeoutMs: number; readonly atOnce: number } {
  return { timeoutMs: fetching.listTimeoutMs, atOnce: fetching.listsAtOnce };
}

/** Whatever is set: what is unpacked is held in memory. */
const mostArtifactBytes = 2 * 1024 ** 3 - 1;

const types = { "helm.enable": "Helm", "kustomize.enable": "Kustomize", "jsonnet.enable": "Jsonnet" } as const;
export const maxSizeKey = "reposerver.max.combined.directory.manifests.size";

export interface RenderingSettingsRead {
  readonly settings: RenderingSettings;
  /** What cannot be read. */
  readonly problems: readonly string[];
  /** What is set and has no effect here, with the reason. */
  readonly notes: readonly string[];
}

/**
 * The data of both ConfigMaps, over what counts where they say nothing. Does not throw: what cannot be read is in
 * `problems`, and counts as not said.
 */
export function parseRenderingSettings(
  main: unknown,
  parameters: unknown,
  base: RenderingSettings = defaultRenderingSettings,
): RenderingSettingsRead {
  const problems: string[] = [];
  const data = objectOf(main as never);
  const params = createReader(objectOf(parameters as never), problems);
  const said = (key: string): string => textOf(data[key]).trim();
  const buildOptions = words(said("kustomize.buildOptions"));
  const schemes = said("helm.valuesFileSchemes")
    .split(",")
    .flatMap((one) => one.trim().toLowerCase() || []);
  const atOnce = params.number("reposerver.parallelism.limit", 0);
  return {
    problems,
    notes: withoutEffect(objectOf(parameters as never)),
    settings: {
      disabled: Object.entries(types).flatMap(([key, type]) => (parseGoBool(said(key)) === false ? [type] : [])),
      kustomizeBuildOptions: buildOptions.length === 0 ? base.kustomizeBuildOptions : buildOptions,
      kustomizeVersions: versionsIn(data, problems),
      valueFileSchemes: Object.hasOwn(data, "helm.valuesFileSchemes") ? schemes : base.valueFileSchemes,
      maxDirectoryBytes: params.bytes(maxSizeKey, base.maxDirectoryBytes),
      ...(atOnce > 0 ? { toolsAtOnce: atOnce } : {}),
      readsSubmodules: params.flag("reposerver.enable.git.submodule", base.readsSubmodules),
      linksOut: params.flag("reposerver.allow.oob.symlinks", base.linksOut === "nowhere") ? "nowhere" : "refused",
      fetching: fetchingIn(params, base.fetching),
    },
  };
}

function fetchingIn(params: Reader, base: FetchingSettings): FetchingSettings {
  const layerTypes = params.list("reposerver.oci.layer.media.types");
  const isUnlimited = params.flag("reposerver.disable.oci.manifest.max.extracted.size", false);
  const bytes = params.bytes("reposerver.oci.manifest.max.extracted.size", base.maxArtifactBytes);
  return {
    listTimeoutMs: params.ms("reposerver.git.request.timeout", base.listTimeoutMs),
    listsAtOnce: params.number("reposerver.git.lsremote.parallelism.limit", base.listsAtOnce),
    maxArtifactBytes: isUnlimited ? mostArtifactBytes : Math.min(bytes, mostArtifactBytes),
    ...(layerTypes.length === 0 ? {} : { layerTypes }),
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
