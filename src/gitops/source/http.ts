import { pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createUnzip } from "node:zlib";
import type { buildConnector, Dispatcher, EnvHttpProxyAgent } from "undici";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { shownProxy } from "../../base/http-proxy.ts";
import { commonJs } from "../../base/lazy.ts";
import { guardedConnector } from "../../base/refused-address.ts";
import { shownRepositoryUrl } from "./repository-url.ts";
import type { Credentials, RepositoryAccess } from "./source.ts";

export interface HttpRequest {
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A longer answer is an error. */
  readonly maxBytes: number;
  /** From the beginning to the last byte. */
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Where redirects led. */
  readonly url: string;
}

export interface HttpRoute {
  /** Certificates and proxies are those of it; credentials are not sent. */
  readonly access: Pick<RepositoryAccess, "tls" | "proxy" | "noProxy">;
  /** Proxies of the engine's own. */
  readonly env: Readonly<Record<string, string>>;
}

const maxRedirects = 20;
const ownHeaders = { accept: "*/*", "accept-encoding": "gzip, deflate", "user-agent": "tiphys" };

/**
 * One request; never to a link-local or metadata address, wherever a server leads. Redirects are followed, at most 20; `authorization` is not sent to another origin. Any status is an answer.
 * Not by `fetch`: that refuses ports on which browsers must not be led to other protocols, and repositories stand on any.
 * @throws EngineError REPOSITORY_FAILED, TOOL_TIMEOUT; TerminalError GIT_TOO_LARGE, HTTP_REFUSED
 */
export async function httpRequest(request: HttpRequest, route: HttpRoute, signal: AbortSignal): Promise<HttpAnswer> {
  const { url, method = "GET", headers = {}, body = null, maxBytes, timeoutMs } = request;
  const { EnvHttpProxyAgent, buildConnector, interceptors, request: send } = commonJs(await import("undici"));
  const agent = openAgent(EnvHttpProxyAgent, buildConnector, route);
  const late = AbortSignal.timeout(timeoutMs);
  const stop = AbortSignal.any([signal, late]);
  const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: maxRedirects, throwOnMaxRedirect: true }));
  try {
    const options = { method, headers: { ...ownHeaders, ...headers }, body, dispatcher, signal: stop };
    const answer = await send(url, options);
    const content = await bounded(unpacked(answer), url, maxBytes);
    return { status: answer.statusCode, headers: headersOf(answer), body: content, url: lastUrl(answer) ?? url };
  } catch (error) {
    signal.throwIfAborted();
    const shown = shownRepositoryUrl(url);
    if (error instanceof EngineError && error.code === "HTTP_REFUSED") {
      throw new TerminalError(error.code, `failed to read "${shown}": ${error.message}`, error);
    }
    if (error instanceof EngineError) throw error;
    if (late.aborted) throw new EngineError("TOOL_TIMEOUT", `"${shown}" did not answer within ${timeoutMs / 1000} s`);
    throw new EngineError("REPOSITORY_FAILED", `failed to read "${shown}": ${messageOf(error).slice(0, 300)}`);
  } finally {
    await agent.destroy();
  }
}

function headersOf({ headers }: Dispatcher.ResponseData): Headers {
  const all = new Headers();
  for (const [name, values = []] of Object.entries(headers)) {
    for (const value of Array.isArray(values) ? values : [values]) all.append(name, value);
  }
  return all;
}

/** As the server packed it for the way. What breaks on the way breaks what reads it. */
function unpacked({ headers, body }: Dispatcher.ResponseData): Readable {
  const encoding = String(headers["content-encoding"] ?? "").toLowerCase();
  const isKnown = ["gzip", "x-gzip", "deflate", "br"].includes(encoding);
  if (!isKnown) return body;
  return pipeline(body, encoding === "br" ? createBrotliDecompress() : createUnzip(), () => undefined);
}

/** Where the redirects led. */
function lastUrl({ context }: Dispatcher.ResponseData): string | undefined {
  if (typeof context !== "object" || context === null || !("history" in context)) return undefined;
  const last: unknown = Array.isArray(context.history) ? context.history.at(-1) : undefined;
  return last instanceof URL ? last.href : undefined;
}

export function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** @throws TerminalError GIT_REFUSED for a proxy that is none */
function openAgent(Agent: typeof EnvHttpProxyAgent, build: typeof buildConnector, route: HttpRoute): EnvHttpProxyAgent {
  const options = agentOptions(route, build);
  try {
    return new Agent(options);
  } catch (error) {
    const shown = [...new Set([options.httpProxy, options.httpsProxy])].filter(Boolean).map(shownProxy).join(", ");
    const message = `the proxy ${shown} is none: expected http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT`;
    throw new TerminalError("GIT_REFUSED", message, error);
  }
}

function agentOptions({ access, env }: HttpRoute, build: typeof buildConnector): EnvHttpProxyAgent.Options {
  const { tls, proxy, noProxy } = access;
  const connect = {
    rejectUnauthorized: !tls.isInsecure,
    timeout: 15_000,
    ...(tls.authorities === undefined ? {} : { ca: tls.authorities }),
    ...(tls.certificate === undefined || tls.key === undefined ? {} : { cert: tls.certificate, key: tls.key }),
  };
  const own = proxy !== undefined;
  return {
    httpProxy: own ? proxy : (env.http_proxy ?? env.HTTP_PROXY ?? ""),
    httpsProxy: own ? proxy : (env.https_proxy ?? env.HTTPS_PROXY ?? ""),
    noProxy: own ? (noProxy ?? "") : (env.no_proxy ?? env.NO_PROXY ?? ""),
    connect: guardedConnector(build, connect, true),
    requestTls: connect,
  };
}

async function bounded(body: AsyncIterable<Buffer>, url: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      const message = `"${shownRepositoryUrl(url)}" is larger than the ${maxBytes} bytes allowed`;
      throw new TerminalError("GIT_TOO_LARGE", message);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
