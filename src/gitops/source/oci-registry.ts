import { createHash } from "node:crypto";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { basicHeader, type HttpAnswer, httpRequest } from "./http.ts";
import type { RepositoryAccess } from "./source.ts";

/** A repository of a registry: `registry.example.com/team/chart`. */
export interface OciName {
  readonly host: string;
  readonly name: string;
}

export interface OciLayer {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: number;
}

export interface OciManifest {
  readonly digest: string;
  readonly layers: readonly OciLayer[];
  readonly annotations: Readonly<Record<string, string>>;
}

export interface OciRoute {
  readonly access: RepositoryAccess;
  readonly env: Readonly<Record<string, string>>;
}

const maxPages = 100;
const maxTags = 50_000;
const maxManifestBytes = 4 * 1024 * 1024;
const timeoutMs = 60_000;
const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** @throws TerminalError GIT_REFUSED */
export function parseOciName(text: string): OciName {
  const bare = text
    .trim()
    .replace(/^oci:\/\//, "")
    .replace(/\/+$/, "");
  const match = /^([A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?)\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)$/.exec(
    bare,
  );
  const [, host = "", name = ""] = match ?? [];
  if (match === null || name.length > 255 || name.split("/").includes("..")) {
    const message = `"${bare.slice(0, 200)}" is no repository of a registry: expected HOST/PATH in lower case`;
    throw new TerminalError("GIT_REFUSED", message);
  }
  return { host: ["docker.io", "index.docker.io"].includes(host) ? "registry-1.docker.io" : host, name };
}

/**
 * Logs in to the registry of `HOST` or `HOST/PATH`, as `helm registry login` does.
 * @throws TerminalError GIT_REFUSED, GIT_AUTH_FAILED; EngineError REPOSITORY_FAILED
 */
export async function checkRegistry(text: string, route: OciRoute, signal: AbortSignal): Promise<void> {
  const bare = text
    .trim()
    .replace(/^oci:\/\//, "")
    .replace(/\/+$/, "");
  const where = bare.includes("/") ? parseOciName(bare) : { ...parseOciName(`${bare}/x`), name: "" };
  await new OciRepository(where, route).login(signal);
}

/**
 * Reads one repository of a registry by the OCI distribution protocol; what is read is compared with its digest. Asks for a
 * token where the registry wants one, and keeps it as long as this value lives.
 */
export class OciRepository {
  readonly #where: OciName;
  readonly #route: OciRoute;
  readonly #base: string;
  #authorization: string | undefined;

  constructor(where: OciName, route: OciRoute) {
    this.#where = where;
    this.#route = route;
    this.#base = `${route.access.isPlainHttp ? "http" : "https"}://${where.host}/v2/${where.name}`;
    const { bearerToken } = route.access;
    this.#authorization = bearerToken === undefined ? undefined : `Bearer ${bearerToken}`;
  }

  /** Whether the registry takes the credentials. */
  async login(signal: AbortSignal): Promise<void> {
    const url = `${this.#base.slice(0, this.#base.indexOf("/v2/"))}/v2/`;
    this.#check(await this.#get(url, "application/json", maxManifestBytes, signal, ""), "the API");
  }

  /** All tags, in the registry's order. */
  async tags(signal: AbortSignal): Promise<readonly string[]> {
    const tags: string[] = [];
    let url: string | undefined = `${this.#base}/tags/list?n=1000`;
    for (let page = 0; url !== undefined && page < maxPages && tags.length < maxTags; page++) {
      const answer = await this.#get(url, "application/json", maxManifestBytes, signal);
      this.#check(answer, "its tags");
      const value = jsonOf(answer.body);
      const found = isJsonObject(value) && Array.isArray(value.tags) ? value.tags : [];
      for (const tag of found) if (typeof tag === "string" && tags.length < maxTags) tags.push(tag);
      url = this.#nextPage(answer, url);
    }
    return tags;
  }

  /** By tag or digest. @throws TerminalError CHART_NOT_FOUND */
  async manifest(reference: string, signal: AbortSignal): Promise<OciManifest> {
    if (!/^(?:sha256:[0-9a-f]{64}|[A-Za-z0-9_][\w.-]{0,127})$/.test(reference)) {
      throw new TerminalError("CHART_NOT_FOUND", `"${reference.slice(0, 200)}" is neither a tag nor a sha256 digest`);
    }
    const url = `${this.#base}/manifests/${reference}`;
    const answer = await this.#get(url, manifestTypes.join(", "), maxManifestBytes, signal);
    this.#check(answer, `"${reference}"`);
    const digest = digestOf(answer.body);
    if (reference.startsWith("sha256:") && digest !== reference) throw this.#lie(reference, digest);
    const manifest = jsonOf(answer.body);
    return { digest, layers: layersOf(manifest, this.#shown()), annotations: annotationsOf(manifest) };
  }

  /** The content of a layer. */
  async blob({ digest, bytes }: OciLayer, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    if (bytes > maxBytes) {
      throw new TerminalError(
        "GIT_TOO_LARGE",
        `a layer of ${this.#shown()} has ${bytes} bytes, ${maxBytes} are allowed`,
      );
    }
    const answer = await this.#get(`${this.#base}/blobs/${digest}`, "*/*", maxBytes, signal);
    this.#check(answer, digest);
    if (digestOf(answer.body) !== digest) throw this.#lie(digest, digestOf(answer.body));
    return answer.body;
  }

  /** `scope`: of the token, where the registry names none. */
  async #get(
    url: string,
    accept: string,
    maxBytes: number,
    signal: AbortSignal,
    scope = `repository:${this.#where.name}:pull`,
  ): Promise<HttpAnswer> {
    const ask = (): Promise<HttpAnswer> => {
      const headers = { accept, ...(this.#authorization ? { authorization: this.#authorization } : {}) };
      return httpRequest({ url, headers, maxBytes, timeoutMs }, this.#route, signal);
    };
    const answer = await ask();
    if (answer.status !== 401 || this.#authorization !== undefined) return answer;
    this.#authorization = await this.#authorize(answer.headers.get("www-authenticate") ?? "", scope, signal);
    return this.#authorization === undefined ? answer : ask();
  }

  async #authorize(challenge: string, fallbackScope: string, signal: AbortSignal): Promise<string | undefined> {
    const { basic } = this.#route.access;
    if (/^basic\b/i.test(challenge)) return basic && basicHeader(basic);
    const { realm = "", service, scope } = challengeOf(challenge);
    const url = URL.parse(realm);
    const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && this.#route.access.isPlainHttp);
    if (url === null || !isSafe) return undefined;
    if (service !== undefined) url.searchParams.set("service", service);
    if (scope || fallbackScope) url.searchParams.set("scope", scope || fallbackScope);
    const headers: Record<string, string> = basic === undefined ? {} : { authorization: basicHeader(basic) };
    const answer = await httpRequest({ url: url.href, headers, maxBytes: 1024 * 1024, timeoutMs }, this.#route, signal);
    if (answer.status !== 200) return undefined;
    const value = jsonOf(answer.body);
    const token = isJsonObject(value) ? (value.token ?? value.access_token) : undefined;
    return typeof token === "string" ? `Bearer ${token}` : undefined;
  }

  /** `Link: </v2/…?last=x>; rel="next"`; only of this registry. */
  #nextPage({ headers }: HttpAnswer, from: string): string | undefined {
    const link = /<([^>]*)>\s*;\s*rel="?next"?/.exec(headers.get("link") ?? "")?.[1];
    const next = link === undefined ? null : URL.parse(link, from);
    return next !== null && next.origin === new URL(from).origin ? next.href : undefined;
  }

  #check({ status }: HttpAnswer, what: string): void {
    if (status === 200) return;
    const where = `failed to read ${what} of ${this.#shown()}`;
    if (status === 401) throw new TerminalError("GIT_AUTH_FAILED", `${where}: authentication required`);
    if (status === 403) throw new TerminalError("GIT_AUTH_FAILED", `${where}: authorization failed`);
    if (status === 404) throw new TerminalError("CHART_NOT_FOUND", `${where}: not found`);
    throw new EngineError("REPOSITORY_FAILED", `${where}: the registry answered ${status}`);
  }

  #lie(expected: string, actual: string): EngineError {
    return new EngineError("REPOSITORY_FAILED", `${this.#shown()} sent ${actual} when asked for ${expected}`);
  }

  #shown(): string {
    return `"${[this.#where.host, this.#where.name].filter((part) => part !== "").join("/")}"`;
  }
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

function jsonOf(body: Buffer): JsonValue {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return null; // what is missing in it is told by whoever reads
  }
}

function layersOf(manifest: JsonValue, where: string): readonly OciLayer[] {
  const layers = isJsonObject(manifest) ? manifest.layers : undefined;
  if (!Array.isArray(layers)) {
    throw new TerminalError("CHART_NOT_FOUND", `${where} holds no artifact there: expected an OCI image manifest`);
  }
  return layers.flatMap((layer) => {
    if (!isJsonObject(layer)) return [];
    const { mediaType, digest, size } = layer;
    if (typeof mediaType !== "string" || typeof digest !== "string" || typeof size !== "number") return [];
    return /^sha256:[0-9a-f]{64}$/.test(digest) ? [{ mediaType, digest, bytes: size }] : [];
  });
}

function annotationsOf(manifest: JsonValue): Readonly<Record<string, string>> {
  const annotations = isJsonObject(manifest) && isJsonObject(manifest.annotations) ? manifest.annotations : {};
  const texts = Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(texts);
}

/** `Bearer realm="…",service="…",scope="…"` */
function challengeOf(text: string): Readonly<Record<string, string | undefined>> {
  if (!/^bearer\s/i.test(text)) return {};
  return Object.fromEntries(
    [...text.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, key = "", value]) => [key.toLowerCase(), value]),
  );
}
