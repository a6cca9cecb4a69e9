import type { Agent, Dispatcher } from "undici";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { commonJs } from "../../base/lazy.ts";
import { guardedConnector, refusalOf } from "../../base/refused-address.ts";
import { type DrainedAnswer, drainAnswer } from "./drained-answer.ts";
import { watchKept } from "./kept-connections.ts";
import { createProxyAgents } from "./proxied.ts";
import { secretHash } from "./secret-hash.ts";
import type { PooledClient, TriggerContext } from "./trigger.ts";

export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface OutgoingAgent extends Pick<Agent, "request" | "close"> {
  /** Reads the answer away. Rejects when `deadline` aborts. It costs half of `request`. */
  ask(options: Dispatcher.DispatchOptions, deadline: AbortSignal): Promise<DrainedAnswer>;
}

/** A pause of this process leaves many connections that have closed; those that are read meanwhile fail together. */
const maxRepeats = 3;

/**
 * An undici agent that looks at each address after it is resolved, so that a name cannot lead where an address may not.
 * It keeps at most 64 connections per origin; idle ones do not hold the process. The caller closes it.
 *
 * A server may close a kept connection just when a request goes out on it. Nothing tells whether that was seen, so it is
 * sent again on another one, as Go's client does with requests that bear an `Idempotency-Key`; never once an answer began.
 * With `reset` a request has a connection of its own, which is closed after it, and is sent once: for what a repeat would
 * do twice.
 */
export async function createOutgoingAgent(
  { allowLoopback, proxies }: Pick<TriggerContext, "allowLoopback" | "proxies">,
  tls?: TlsOptions,
): Promise<OutgoingAgent> {
  const undici = commonJs(await import("undici"));
  const connect = guardedConnector(undici.buildConnector, { ...tls, timeout: 10_000 }, allowLoopback);
  const kept = watchKept();
  const open = (): Agent =>
    new undici.Agent({
      connections: 64,
      connect: (options, callback) => connect(options, kept.watching(callback)),
    });
  const agent = open();
  /** Apart, so that none of its requests meets a connection that was kept. */
  const single = open();
  const proxied =
    proxies && createProxyAgents(undici, proxies, { ...tls }, (address) => refusalOf(address, allowLoopback));
  const repeating = async <Answer>(
    { reset }: Pick<Dispatcher.DispatchOptions, "reset">,
    send: (dispatcher: Agent) => Promise<Answer>,
  ): Promise<Answer> => {
    if (reset) return send(single);
    for (let repeats = 0; ; repeats++) {
      try {
        return await send(agent);
      } catch (error) {
        if (!kept.isFailure(error) || repeats >= maxRepeats) throw error;
      }
    }
  };
  return {
    request: (options: Parameters<Agent["request"]>[0]) =>
      proxied?.through(options.origin, (proxy) => proxy.request(options as Dispatcher.RequestOptions)) ??
      repeating(options, (dispatcher) => dispatcher.request(options)),
    ask: (options, deadline) =>
      proxied?.through(options.origin, (proxy) => drainAnswer(proxy, options, deadline)) ??
      repeating(options, (dispatcher) => drainAnswer(dispatcher, options, deadline)),
    close: async () => void (await Promise.all([agent.close(), single.close(), proxied?.close()]).finally(kept.end)),
  };
}

/** `work` with an agent that firings share. */
export function withAgent<Result>(
  { clients, allowLoopback, proxies }: Pick<TriggerContext, "clients" | "allowLoopback" | "proxies">,
  tls: TlsOptions,
  work: (agent: OutgoingAgent) => Promise<Result>,
): Promise<Result> {
  const open = async (): Promise<PooledClient<OutgoingAgent>> => {
    const agent = await createOutgoingAgent({ allowLoopback, proxies }, tls);
    return { client: agent, isUsable: () => true, close: () => agent.close() };
  };
  return clients.use(`http ${allowLoopback} ${secretHash(JSON.stringify([tls, proxies?.key]))}`, open, work);
}

/** @throws EngineError HTTP_FAILED when there is more */
export async function readLimited(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new EngineError("HTTP_FAILED", `the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** User name and password of a URL, as Go's client sends them. */
export function loginOf({ username, password }: URL): { readonly Authorization?: string } {
  if (username === "" && password === "") return {};
  const text = `${decoded(username)}:${decoded(password)}`;
  return { Authorization: `Basic ${Buffer.from(text).toString("base64")}` };
}

/** Of a user name or password in a URL. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a % that stands for itself
  }
}

/** Whether a redirect may see what is secret: only the same host, and never in clear text what came over TLS. */
export function keepsCredentials(from: URL, to: URL): boolean {
  return from.host === to.host && (from.protocol === to.protocol || to.protocol === "https:");
}

/** Of a service: a status that `policy.status` allows, or without one any below 400. @throws EngineError HTTP_FAILED */
export function checkStatus(status: number, allow: readonly number[] | undefined, what: string): void {
  if (allow ? allow.includes(status) : status < 400) return;
  if (allow) {
    const message = `${what}: policy application resulted in failure. http response status ${status} is not allowed`;
    throw new EngineError("HTTP_FAILED", message);
  }
  const isFinal = status < 500 && status !== 408 && status !== 429;
  const message = `${what} answered ${status}`;
  throw isFinal ? new TerminalError("HTTP_FAILED", message) : new EngineError("HTTP_FAILED", message);
}

/** What an outgoing request failed of, as an error of ours. */
export function toHttpError(error: unknown, what: string): Error {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof EngineError) return new TerminalError(cause.code, `${what}: ${cause.message}`, error);
  }
  const message = error instanceof Error ? error.message || ("code" in error ? String(error.code) : "") : String(error);
  return new EngineError("HTTP_FAILED", `${what}: ${message}`, error);
}
