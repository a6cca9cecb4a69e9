import { createHash } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { TerminalError } from "../../base/errors.ts";
import { createSlots } from "../../base/slots.ts";
import {
  type ArchiveStore,
  type ArchiveStoreLimits,
  createArchiveStore,
  defaultArchiveLimits,
  type RootOf,
  type Unpacking,
} from "./archive-store.ts";
import { chooseVersion } from "./helm-index.ts";
import { defaultHelmLimits, type HelmLimits, HelmRepository } from "./helm-repository.ts";
import { createJoined, type Joined } from "./joined.ts";
import { checkRegistry, type OciLayer, OciRepository, parseOciName } from "./oci-registry.ts";
import { shownRepositoryUrl } from "./repository-url.ts";
import { isSemverConstraint } from "./semver-text.ts";
import type {
  ChartSources,
  FindAccess,
  ListedChart,
  RepositoryAccess,
  SourceTree,
  WantedChart,
  WantedSource,
} from "./source.ts";

export interface ChartSourcesOptions {
  /** `<data-dir>/charts`, of this process. */
  readonly directory: string;
  readonly access: FindAccess;
  /** Proxies of the engine's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly limits?: Partial<HelmLimits & ArchiveStoreLimits>;
  /** Of artifacts, as it is said now: how large once unpacked, and which layers (absent: those that are known). */
  readonly artifacts?: () => { readonly maxArtifactBytes: number; readonly layerTypes?: readonly string[] };
}

const helmLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const artifactLayers = [
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
  "application/vnd.cncf.flux.content.v1.tar+gzip",
  helmLayer,
];
const maxSeen = 10_000;
/** Repositories whose index is kept. */
const maxRepositories = 100;

/** Does no I/O until it is asked. */
export function createChartSources(options: ChartSourcesOptions): ChartSources {
  return new Charts(options);
}

class Charts implements ChartSources {
  readonly #options: ChartSourcesOptions;
  readonly #limits: HelmLimits & ArchiveStoreLimits;
  readonly #store: ArchiveStore;
  readonly #repositories = new Map<string, HelmRepository>();
  readonly #fetching = new Map<string, Joined<SourceTree>>();
  /** Versions without a digest, and what names what was last sent of them. */
  readonly #seen = new Map<string, string>();
  /** One large index after the other. */
  readonly #readers = createSlots(1);

  constructor(options: ChartSourcesOptions) {
    this.#options = options;
    this.#limits = { ...defaultHelmLimits, ...defaultArchiveLimits, ...options.limits };
    this.#store = createArchiveStore(options.directory, this.#limits, options.clock);
  }

  openChart(wanted: WantedChart, signal: AbortSignal): Promise<SourceTree> {
    const access = this.#options.access(wanted.repository, wanted.project);
    const isOci = access.isOci || isRegistry(wanted.repository);
    return isOci ? this.#chartOfRegistry(wanted, access, signal) : this.#chartOfIndex(wanted, access, signal);
  }

  async openArtifact(wanted: WantedSource, signal: AbortSignal): Promise<SourceTree> {
    const { repository, project, revision } = wanted;
    const registry = this.#registry(repository, this.#options.access(repository, project));
    const reference = isSemverConstraint(revision)
      ? chooseVersion(repository, await registry.tags(signal), revision)
      : revision || "latest";
    const { digest, layers } = await registry.manifest(reference, signal);
    const { maxArtifactBytes: maxBytes, layerTypes = artifactLayers } = this.#options.artifacts?.() ?? {
      maxArtifactBytes: this.#limits.maxBytes,
    };
    const layer = singleLayer(layers, layerTypes, repository);
    const rootOf = layer.mediaType === helmLayer ? chartRoot(undefined) : () => undefined;
    return this.#unpack(layer, digest, registry, { rootOf, maxBytes }, signal);
  }

  async list(repository: string, project: string, signal: AbortSignal): Promise<readonly ListedChart[]> {
    const access = this.#options.access(repository, project);
    if (access.isOci || isRegistry(repository)) {
      const message = `repository "${shownRepositoryUrl(repository)}" is a registry, which does not list its charts`;
      throw new TerminalError("GIT_REFUSED", message);
    }
    const index = await this.#helmRepository({ repository, project }, access).index(false, signal);
    return [...index].map(([name, versions]) => ({ name, versions: versions.map(({ version }) => version) }));
  }

  tags(repository: string, project: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#registry(repository, this.#options.access(repository, project)).tags(signal);
  }

  async annotations({ repository, project, revision }: WantedSource, signal: AbortSignal) {
    const registry = this.#registry(repository, this.#options.access(repository, project));
    return (await registry.manifest(revision || "latest", signal)).annotations;
  }

  async check(repository: string, rights: RepositoryAccess, signal: AbortSignal): Promise<void> {
    if (rights.type === "oci") {
      await this.#registry(repository, rights).tags(signal);
      return;
    }
    const { env, clock } = this.#options;
    if (rights.isOci || isRegistry(repository)) {
      await checkRegistry(repository, { access: rights, env }, signal); // which charts it has nobody can list
      return;
    }
    const url = helmUrlOf(repository);
    const deps = { url, env, clock, limits: this.#limits, access: () => rights, readers: this.#readers };
    await new HelmRepository(deps).index(true, signal);
  }

  async #chartOfRegistry({ repository, chart, revision }: WantedChart, access: RepositoryAccess, signal: AbortSignal) {
    const registry = this.#registry(`${repository.replace(/\/+$/, "")}/${chart}`, access);
    // A tag cannot hold "+".
    const version = isSemverConstraint(revision)
      ? chooseVersion(
          chart,
          (await registry.tags(signal)).map((tag) => tag.replaceAll("_", "+")),
          revision,
        )
      : revision;
    const { layers } = await registry.manifest(version.replaceAll("+", "_"), signal);
    const unpacking = { rootOf: chartRoot(chart), maxBytes: this.#limits.maxBytes };
    return this.#unpack(singleLayer(layers, [helmLayer], chart), version, registry, unpacking, signal);
  }

  async #unpack(
    layer: OciLayer,
    revision: string,
    registry: OciRepository,
    unpacking: Unpacking,
    signal: AbortSignal,
  ): Promise<SourceTree> {
    const fetchArchive = (stop: AbortSignal) => registry.blob(layer, this.#limits.maxArchiveBytes, stop);
    return this.#kept(`${layer.mediaType} ${layer.digest}`, revision, fetchArchive, unpacking, signal);
  }

  /** From the store, or fetched: once for all who ask at a time. */
  async #kept(
    key: string,
    revision: string,
    fetchArchive: (signal: AbortSignal) => Promise<Buffer>,
    unpacking: Unpacking,
    signal: AbortSignal,
  ): Promise<SourceTree> {
    const known = await this.#store.find(key, revision);
    if (known !== undefined) return known;
    const name = `${revision} ${key}`;
    const work = async (stop: AbortSignal): Promise<SourceTree> =>
      (await this.#store.find(key, revision)) ??
      (await this.#store.add(key, revision, await fetchArchive(stop), unpacking));
    const joined = this.#fetching.get(name) ?? createJoined(work);
    this.#fetching.set(name, joined);
    try {
      return await joined.ask(signal);
    } finally {
      this.#fetching.delete(name);
    }
  }

  async #chartOfIndex(wanted: WantedChart, access: RepositoryAccess, signal: AbortSignal): Promise<SourceTree> {
    const { repository, chart, revision, isFresh } = wanted;
    const helm = this.#helmRepository(wanted, access);
    const versions = (await helm.index(isFresh, signal)).get(chart);
    if (versions === undefined) {
      const message = `chart "${chart}" is not in the index of "${shownRepositoryUrl(repository)}"`;
      throw new TerminalError("CHART_NOT_FOUND", message);
    }
    const version = chooseVersion(
      chart,
      versions.map((one) => one.version),
      revision,
    );
    const found = versions.find((one) => one.version === version);
    if (found === undefined) throw new Error("a version that was chosen is one of them");
    const unpacking = { rootOf: chartRoot(chart), maxBytes: this.#limits.maxBytes };
    const fetchArchive = (stop: AbortSignal) => helm.archive(found, wanted.passesCredentials, stop);
    if (found.digest !== "") {
      return this.#kept(`helm ${chart} ${found.digest}`, version, fetchArchive, unpacking, signal);
    }
    // Without a digest in the index only a new look tells whether what is kept is still what the server has.
    const name = `${access.scope} ${repository} ${chart} ${version}`;
    const seen = isFresh ? undefined : this.#seen.get(name);
    const known = seen === undefined ? undefined : await this.#store.find(seen, version);
    if (known !== undefined) return known;
    const archive = await fetchArchive(signal);
    const key = `helm ${chart} ${createHash("sha256").update(archive).digest("hex")}`;
    if (this.#seen.size >= maxSeen) this.#seen.clear();
    this.#seen.set(name, key);
    return this.#kept(key, version, async () => archive, unpacking, signal);
  }

  #helmRepository(
    { repository, project }: Pick<WantedChart, "repository" | "project">,
    { scope }: RepositoryAccess,
  ): HelmRepository {
    const url = helmUrlOf(repository);
    const key = `${scope} ${url}`;
    const known = this.#repositories.get(key);
    if (known !== undefined) return known;
    const { env, clock, access } = this.#options;
    const [limits, readers] = [this.#limits, this.#readers];
    const deps = { url, env, clock, limits, readers, access: () => access(repository, project) };
    const made = new HelmRepository(deps);
    this.#repositories.set(key, made);
    const [oldest] = this.#repositories.keys();
    if (this.#repositories.size > maxRepositories && oldest !== undefined) this.#repositories.delete(oldest);
    return made;
  }

  #registry(repository: string, access: RepositoryAccess): OciRepository {
    return new OciRepository(parseOciName(repository), { access, env: this.#options.env });
  }
}

function helmUrlOf(repository: string): string {
  const url = repository.trim().replace(/\/+$/, "");
  if (/^https?:$/.test(URL.parse(url)?.protocol ?? "")) return url;
  const message = `repository "${shownRepositoryUrl(url)}" is none of charts: expected https, http or oci`;
  throw new TerminalError("GIT_REFUSED", message);
}

/** As the original: what has no scheme, or that of registries. */
function isRegistry(repository: string): boolean {
  return /^oci:\/\//.test(repository.trim()) || !repository.includes("://");
}

function singleLayer(layers: readonly OciLayer[], types: readonly string[], name: string): OciLayer {
  const found = layers.filter(({ mediaType }) => types.includes(mediaType));
  const [layer] = found;
  if (layer !== undefined && found.length === 1) return layer;
  const has =
    layers
      .map(({ mediaType }) => mediaType)
      .join(", ")
      .slice(0, 300) || "none";
  const message = `"${shownRepositoryUrl(name)}" has ${found.length} layers of content, expected one (it has: ${has})`;
  throw new TerminalError("CHART_NOT_FOUND", message);
}

/** Archives of charts hold one folder, which mostly has the chart's name. */
function chartRoot(chart: string | undefined): RootOf {
  return (paths) => {
    const roots = paths.flatMap((path) => /^([^/]+)\/Chart\.yaml$/.exec(path)?.[1] ?? []);
    const own = chart?.split("/").at(-1);
    const root = roots.find((name) => name === own) ?? (roots.length === 1 ? roots[0] : undefined);
    if (root !== undefined) return root;
    const message = `the archive is refused: it has ${roots.length} folders with a Chart.yaml, expected one`;
    throw new TerminalError("ARCHIVE_REFUSED", message);
  };
}
