import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf, TerminalError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { close, createListener, type Handler, listen } from "./ingress-listener.ts";
import { createOwnPorts } from "./ingress-ports.ts";
import { canonicalHeaders, hostOf, readBody, sendText } from "./ingress-request.ts";
import { createRoutes, type Owner, type RouteClaim } from "./ingress-routes.ts";
import type { HttpMount, HttpRoute, IngressResponse } from "./source.ts";

export interface IngressOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /**
   * Where the own `port`s of EventSources are listened on. Default `127.0.0.1`. Given: senders come by the names of
   * Services and Ingresses, so any `Host` is served there.
   */
  readonly ownPortHost?: string;
  /** See `OwnPortsOptions`. */
  readonly onAllocated?: (owner: Owner) => void;
  /** Names beside `localhost` and the loopback addresses that a `Host` header may have; without ports. */
  readonly hostNames?: readonly string[];
  /** Requests handled at once, over all listeners; more get 503. Bounds memory: each may hold a body. Default 2,048. */
  readonly maxInFlight?: number;
  /** How long requests under way may take once their route or the ingress ends. Default 10,000. */
  readonly drainMs?: number;
  readonly log: Logger;
}

/**
 * Called with a text when an own port cannot be served (the event still works at its ingress URL), and with undefined once
 * it can.
 */
export type WarningListener = (message: string | undefined) => void;

/** All HTTP listeners of the event flow. Disposal stops listening and lets requests under way end. */
export interface Ingress extends AsyncDisposable {
  readonly port: number;
  /** `http://host:port`, without a path. */
  readonly url: string;
  /** The path of an event on the ingress port. */
  pathOf(owner: Pick<Owner, "namespace" | "name">, event: string): string;
  mountFor(owner: Owner, event: string, onWarning: WarningListener): HttpMount;
  /**
   * With `onAllocated`: by the port that the EventSource names, the one that is listened on for it; undefined while there
   * is none yet.
   */
  allocated(owner: Pick<Owner, "namespace" | "name">): ReadonlyMap<number, number | undefined>;
}

/**
 * Starts to listen on the ingress port. Own ports are listened on while a route wants them.
 * @throws TerminalError PORT_IN_USE
 */
export async function openIngress(options: IngressOptions): Promise<Ingress> {
  const { log, drainMs = 10_000, onAllocated } = options;
  const handlerFor = createHandlers(options);
  const handler = handlerFor(hostCheck(options.hostNames));
  const main = createRoutes();
  const server = createListener(handler, main);
  await listen(server, options.host, options.port).catch((error: unknown) => {
    throw new TerminalError("PORT_IN_USE", ingressPortMessage(options, error), error);
  });
  server.on("error", (error) => log.error("ingress listener failed", { error }));
  const { port } = server.address() as AddressInfo;
  const own = createOwnPorts({
    host: options.ownPortHost ?? "127.0.0.1",
    handler: options.ownPortHost === undefined ? handler : handlerFor(() => true),
    drainMs,
    log,
    ...(onAllocated && { onAllocated }),
  });

  function mountFor(owner: Owner, event: string, onWarning: WarningListener): HttpMount {
    return {
      async serve(route, signal) {
        if (signal.aborted) return;
        const active = { inFlight: 0, idle: undefined as (() => void) | undefined };
        const claim: RouteClaim = { owner, event, route, active, onWarning };
        const release = main.claim(pathOf(owner, event), claim);
        const releaseOwn = own.claim(claim);
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
        release();
        releaseOwn();
        await drained(claim, drainMs);
      },
    };
  }

  return {
    port,
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`,
    pathOf,
    mountFor,
    allocated: own.allocated,
    async [Symbol.asyncDispose]() {
      await Promise.all([own.close(), close(server, drainMs)]);
    },
  };
}

function pathOf({ namespace, name }: Pick<Owner, "namespace" | "name">, event: string): string {
  return `/webhooks/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/${encodeURIComponent(event)}`;
}

function ingressPortMessage({ host, port }: IngressOptions, error: unknown): string {
  return `cannot listen on ${host}:${port} (${messageOf(error)}): choose another port with --ingress-port`;
}

type HostCheck = (header: string | undefined) => boolean;

/** A page that a browser shows cannot reach a loopback listener under a name of its own. */
function hostCheck(hostNames: readonly string[] = []): HostCheck {
  const names = new Set(["localhost", "127.0.0.1", "[::1]", ...hostNames.map((name) => name.toLowerCase())]);
  return (header) => names.has(hostOf(header));
}

/** They share the bound of requests at once. */
function createHandlers({ maxInFlight = 2048, log }: IngressOptions): (isOurs: HostCheck) => Handler {
  let inFlight = 0;

  return (isOurs) => (routes, request, response) => {
    const url = request.url ?? "/";
    const [path = ""] = url.split("?", 1);
    if (path === "/health") return sendText(response, { status: 200, text: "OK" });
    if (!isOurs(request.headers.host)) {
      return refuse(request, response, { status: 403, text: "the Host header is none of this server's names" });
    }
    const claim = routes.find(path);
    if (!claim) return refuse(request, response, { status: 404, text: "404 page not found\n" });
    if (inFlight >= maxInFlight) {
      return refuse(request, response, { status: 503, text: "too many requests", headers: { "retry-after": "1" } });
    }
    inFlight++;
    claim.active.inFlight++;
    answer(claim.route, request, url)
      .catch((error: unknown): IngressResponse => {
        log.error("request failed", { path, error });
        return { status: 500, text: "internal error" };
      })
      .then((result) => {
        if (result !== undefined) sendText(response, result, !request.complete);
      })
      .finally(() => {
        inFlight--;
        claim.active.inFlight--;
        if (claim.active.inFlight === 0) claim.active.idle?.();
      })
      .catch((error: unknown) => log.error("answer not sent", { path, error }));
  };
}

/** Undefined when the sender went away before its body was complete: there is nobody to answer. */
async function answer(route: HttpRoute, request: IncomingMessage, url: string): Promise<IngressResponse | undefined> {
  const head = { method: request.method ?? "", url, headers: canonicalHeaders(request.rawHeaders) };
  const refused = await route.authorize?.(head);
  if (refused) return refused;
  const body = await readBody(request, route.maxBodyBytes);
  if (body === "aborted") return undefined;
  if (body === "too large") {
    return { status: 400, text: "failed to parse request body, http: request body too large" };
  }
  return route.handle({ ...head, body });
}

/** Answers without reading a body: the connection ends if there is one, as it cannot be used again. */
function refuse(request: IncomingMessage, response: ServerResponse, answer: IngressResponse): void {
  const hasBody = request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
  sendText(response, answer, hasBody);
}

async function drained({ active }: RouteClaim, drainMs: number): Promise<void> {
  if (active.inFlight === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  active.idle = resolve;
  const deadline = setTimeout(resolve, drainMs);
  await promise;
  clearTimeout(deadline);
}
