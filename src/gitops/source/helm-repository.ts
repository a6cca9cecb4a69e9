import { createHash } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import type { Slots } from "../../base/slots.ts";
import type { ChartVersion, HelmIndex } from "./helm-index.ts";
import { readHelmIndex } from "./helm-index-reader.ts";
import { basicHeader, type HttpAnswer, httpRequest } from "./http.ts";
import { createJoined, type Joined } from "./joined.ts";
import { shownRepositoryUrl } from "./repository-url.ts";
import type { RepositoryAccess } from "./source.ts";

export interface HelmRepositoryDeps {
  /** Without a slash at its end. */
  readonly url: string;
  readonly access: () => RepositoryAccess;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly limits: HelmLimits;
  /** For indexes that are read apart, of all repositories. */
  readonly readers: Slots;
}

export interface HelmLimits {
  readonly maxIndexBytes: number;
  /** Of one chart as it is sent. */
  readonly maxArchiveBytes: number;
  readonly indexTimeoutMs: number;
  readonly archiveTimeoutMs: number;
  /** For what was sent: from text to charts. */
  readonly readTimeoutMs: number;
  readonly maxReadMebibytes: number;
  /** An index that was read less long ago counts, unless somebody asks for a fresh one. */
  readonly indexMaxAgeMs: number;
}

export const defaultHelmLimits: HelmLimits = {
  maxIndexBytes: 128 * 1024 * 1024,
  maxArchiveBytes: 64 * 1024 * 1024,
  indexTimeoutMs: 60_000,
  archiveTimeoutMs: 120_000,
  readTimeoutMs: 60_000,
  maxReadMebibytes: 1_024,
  indexMaxAgeMs: 60_000,
};

/** A Helm repository over HTTP: its index is read once for all who ask. */
export class HelmRepository {
  readonly #deps: HelmRepositoryDeps;
  readonly #reads: Joined<HelmIndex>;
  #known: { readonly index: HelmIndex; readonly etag: string; readonly at: number } | undefined;
  #isFreshWanted = false;

  constructor(deps: HelmRepositoryDeps) {
    this.#deps = deps;
    this.#reads = createJoined((signal) => this.#read(signal));
  }

  async index(isFresh: boolean, signal: AbortSignal): Promise<HelmIndex> {
    const { clock, limits } = this.#deps;
    const { index, at = Number.NEGATIVE_INFINITY } = this.#known ?? {};
    if (!isFresh && index !== undefined && clock.monotonicMs() - at < limits.indexMaxAgeMs) return index;
    this.#isFreshWanted ||= isFresh;
    return this.#reads.ask(signal);
  }

  /** The archive of one version. @throws EngineError REPOSITORY_FAILED when it is not what the index says */
  async archive(
    { url, digest, version }: ChartVersion,
    passesCredentials: boolean,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const { limits } = this.#deps;
    const base = new URL(`${this.#deps.url}/`);
    const target = URL.parse(url, base.href);
    if (target === null || !/^https?:$/.test(target.protocol)) {
      const shown = shownRepositoryUrl(url);
      throw new TerminalError("CHART_NOT_FOUND", `version ${version} is at "${shown}": expected https or http`);
    }
    // Credentials are those of the repository: others get them only where the Application says so.
    const isOwn = target.origin === base.origin || passesCredentials;
    const answer = await this.#get(
      target.href,
      isOwn,
      {
        maxBytes: limits.maxArchiveBytes,
        timeoutMs: limits.archiveTimeoutMs,
      },
      signal,
    );
    checkStatus(answer, target.href);
    const actual = createHash("sha256").update(answer.body).digest("hex");
    if (digest === "" || actual === digest) return answer.body;
    const message = `"${shownRepositoryUrl(target.href)}" has the digest ${actual}, its index says ${digest}`;
    throw new EngineError("REPOSITORY_FAILED", message);
  }

  async #read(signal: AbortSignal): Promise<HelmIndex> {
    const { url, clock, limits, readers: places } = this.#deps;
    const isFresh = this.#isFreshWanted;
    this.#isFreshWanted = false;
    const known = this.#known;
    // Those who came while it was read share what was read.
    if (!isFresh && known !== undefined && clock.monotonicMs() - known.at < limits.indexMaxAgeMs) return known.index;
    const at = clock.monotonicMs();
    const bounds = { maxBytes: limits.maxIndexBytes, timeoutMs: limits.indexTimeoutMs };
    const address = `${url}/index.yaml`;
    const answer = await this.#get(address, true, bounds, signal, known?.etag);
    if (answer.status === 304 && known !== undefined) {
      this.#known = { ...known, at };
      return known.index;
    }
    checkStatus(answer, address);
    const reading = { places, timeoutMs: limits.readTimeoutMs, maxMebibytes: limits.maxReadMebibytes };
    const index = await readHelmIndex(answer.body, shownRepositoryUrl(url), reading, signal);
    this.#known = { index, at, etag: answer.headers.get("etag") ?? "" };
    return index;
  }

  async #get(
    url: string,
    withCredentials: boolean,
    bounds: { readonly maxBytes: number; readonly timeoutMs: number },
    signal: AbortSignal,
    etag = "",
  ): Promise<HttpAnswer> {
    const access = this.#deps.access();
    const { basic, bearerToken } = access;
    const authorization = basic !== undefined ? basicHeader(basic) : bearerToken && `Bearer ${bearerToken}`;
    const headers = {
      ...(withCredentials && authorization ? { authorization } : {}),
      ...(etag === "" ? {} : { "if-none-match": etag }),
    };
    // A client certificate and a key are credentials, too.
    const { certificate: _certificate, key: _key, ...tls } = access.tls;
    const route = { access: withCredentials ? access : { ...access, tls }, env: this.#deps.env };
    return httpRequest({ url, headers, ...bounds }, route, signal);
  }
}

function checkStatus({ status }: HttpAnswer, url: string): void {
  if (status === 200) return;
  const where = `failed to read "${shownRepositoryUrl(url)}"`;
  if (status === 401) throw new TerminalError("GIT_AUTH_FAILED", `${where}: authentication required`);
  if (status === 403) throw new TerminalError("GIT_AUTH_FAILED", `${where}: authorization failed`);
  if (status === 404) throw new TerminalError("CHART_NOT_FOUND", `${where}: not found`);
  throw new EngineError("REPOSITORY_FAILED", `${where}: the server answered ${status}`);
}
