import { createHash } from "node:crypto";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { basicHeader, type HttpRoute, httpRequest } from "./http.ts";
import type { LfsFiles, LfsPointer } from "./lfs-files.ts";
import { shownRepositoryUrl } from "./repository-url.ts";

/** Where a repository's large files are asked for. */
export interface LfsEndpoint {
  /** Without a slash at its end: `https://host/org/repo.git/info/lfs`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const maxPointerBytes = 1_024;
const maxAnswerBytes = 1024 * 1024;
const timeoutMs = 300_000;
const mediaType = "application/vnd.git-lfs+json";

export function parseLfsPointer(content: Buffer): LfsPointer | undefined {
  if (content.length > maxPointerBytes) return undefined;
  const text = content.toString("utf8");
  if (!/^version https:\/\/git-lfs\.github\.com\/spec\/v1\n/.test(text)) return undefined;
  const oid = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
  const bytes = Number(/^size (\d{1,15})$/m.exec(text)?.[1]);
  return oid === undefined || !Number.isSafeInteger(bytes) ? undefined : { oid, bytes };
}

/** By the batch API. `endpoint` is asked for anew for each file: its credentials may be short-lived. */
export function createLfsFiles(endpoint: (signal: AbortSignal) => Promise<LfsEndpoint>, route: HttpRoute): LfsFiles {
  return {
    async fetch(pointer, maxBytes, signal) {
      if (pointer.bytes > maxBytes) {
        const message = `an LFS file has ${pointer.bytes} bytes, ${maxBytes} are allowed`;
        throw new TerminalError("GIT_TOO_LARGE", message);
      }
      const at = await endpoint(signal);
      const { href, header } = await whereIs(pointer, at, route, signal);
      // The server that is asked may say where a file lies; it does not get our credentials sent there.
      const isOwn = new URL(href).origin === new URL(at.url).origin;
      const headers = { ...(isOwn ? at.headers : {}), ...header };
      const bounds = { maxBytes: Math.min(maxBytes, pointer.bytes + 1), timeoutMs };
      const { status, body } = await httpRequest({ url: href, headers, ...bounds }, route, signal);
      if (status !== 200) throw failed(href, `the server answered ${status}`);
      if (createHash("sha256").update(body).digest("hex") === pointer.oid) return body;
      throw failed(href, "it is another file than the one that Git names");
    },
  };
}

async function whereIs(
  { oid, bytes }: LfsPointer,
  { url, headers }: LfsEndpoint,
  route: HttpRoute,
  signal: AbortSignal,
) {
  const address = `${url}/objects/batch`;
  const body = JSON.stringify({ operation: "download", transfers: ["basic"], objects: [{ oid, size: bytes }] });
  const all = { ...headers, accept: mediaType, "content-type": mediaType };
  const request = {
    url: address,
    method: "POST",
    headers: all,
    body,
    maxBytes: maxAnswerBytes,
    timeoutMs: 60_000,
  } as const;
  const answer = await httpRequest(request, route, signal);
  if (answer.status === 401 || answer.status === 403) {
    throw new TerminalError("GIT_AUTH_FAILED", `LFS files of "${shownRepositoryUrl(url)}": authentication required`);
  }
  if (answer.status !== 200) throw failed(address, `the server answered ${answer.status}`);
  const download = downloadIn(answer.body, address);
  const target = URL.parse(textOf(download.href));
  if (target === null || !/^https?:$/.test(target.protocol))
    throw failed(address, `it has no file ${oid.slice(0, 12)}`);
  return { href: target.href, header: textsIn(download.header) };
}

function downloadIn(body: Buffer, address: string): Readonly<Record<string, JsonValue>> {
  const value = jsonOf(body, address);
  const [object] = isJsonObject(value) && Array.isArray(value.objects) ? value.objects : [];
  const actions = isJsonObject(object) ? object.actions : undefined;
  const download = isJsonObject(actions) ? actions.download : undefined;
  return isJsonObject(download) ? download : {};
}

/** @throws EngineError GIT_FAILED: a page for people, an answer that is cut off */
function jsonOf(body: Buffer, address: string): JsonValue {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw failed(address, "its answer is no JSON, as a server of LFS files gives it");
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** Headers that a server asks for, in lower case: ours of the same name give way. */
export function textsIn(value: JsonValue | undefined): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, text]) => (typeof text === "string" ? [[key.toLowerCase(), text]] : [])),
  );
}

/** Over HTTP: beside the repository, with its credentials. */
export function httpLfsEndpoint(
  repository: string,
  basic: { readonly username: string; readonly password: string } | undefined,
  bearerToken: string | undefined,
): LfsEndpoint {
  const base = repository.replace(/\/+$/, "").replace(/\.git$/, "");
  const authorization = basic !== undefined ? basicHeader(basic) : bearerToken && `Bearer ${bearerToken}`;
  return { url: `${base}.git/info/lfs`, headers: authorization ? { authorization } : {} };
}

function failed(url: string, why: string): EngineError {
  return new EngineError("GIT_FAILED", `failed to read "${shownRepositoryUrl(url)}": ${why}`);
}
