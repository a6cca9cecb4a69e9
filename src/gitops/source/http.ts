import type { EnvHttpProxyAgent, Response } from "undici";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { commonJs } from "../../base/lazy.ts";
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
  readonly headers: Headers | Response["headers"];
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

/**
 * One request. Redirects are followed, at most 20; `authorization` is not sent to another origin. Any status is an answer.
 * @throws EngineError REPOSITORY_FAILED, TOOL_TIMEOUT; TerminalError GIT_TOO_LARGE
 */
export async function httpRequest(request: HttpRequest, route: HttpRoute, signal: AbortSignal): Promise<HttpAnswer> {
  const { url, method = "GET", headers = {}, body, maxBytes, timeoutMs } = request;
  const undici = commonJs(await import("undici"));
  const agent = openAgent(undici.EnvHttpProxyAgent, route);
  const late = AbortSignal.timeout(timeoutMs);
  const stop = AbortSignal.any([signal, late]);
  try {
    const init = { method, headers, dispatcher: agent, signal: stop, ...(body === undefined ? {} : { body }) };
    const response = await undici.fetch(url, init);
    const content = await bounded(response, url, maxBytes);
    return { status: response.status, headers: response.headers, body: content, url: response.url };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError) throw error;
    const shown = shownRepositoryUrl(url);
    if (late.aborted) throw new EngineError("TOOL_TIMEOUT", `"${shown}" did not answer within ${timeoutMs / 1000} s`);
    throw new EngineError("REPOSITORY_FAILED", `failed to read "${shown}": ${causeOf(error)}`);
  } finally {
    await agent.destroy();
  }
}

export function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** @throws TerminalError GIT_REFUSED for a proxy that is none */
function openAgent(Agent: typeof EnvHttpProxyAgent, route: HttpRoute): EnvHttpProxyAgent {
  const options = agentOptions(route);
  try {
    return new Agent(options);
  } catch (error) {
    const shown = [...new Set([options.httpProxy, options.httpsProxy])].filter(Boolean).map(shownProxy).join(", ");
    const message = `the proxy ${shown} is none: expected http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT`;
    throw new TerminalError("GIT_REFUSED", message, error);
  }
}

/** What cannot be read as an address may hold a password anywhere. */
export function shownProxy(proxy = ""): string {
  const url = URL.parse(proxy);
  return url?.host ? `"${url.protocol}//${url.host}"` : "(no URL)";
}

function agentOptions({ access, env }: HttpRoute): EnvHttpProxyAgent.Options {
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
    connect,
    requestTls: connect,
  };
}

async function bounded(response: Response, url: string, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      const message = `"${shownRepositoryUrl(url)}" is larger than the ${maxBytes} bytes allowed`;
      throw new TerminalError("GIT_TOO_LARGE", message);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** undici says "fetch failed"; what failed stands in its cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && cause.message === "bad port") {
    return "HTTP clients refuse this port, since other protocols use it: serve the repository on another one";
  }
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error).slice(0, 300);
}
