import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { TextResponse } from "../base/text-body.ts";
import type { Certificate } from "./certificate.ts";
import type { ControlPlane } from "./control-plane.ts";
import { maxBodyBytes } from "./request.ts";
import { forbidden, type StatusError, tooLarge } from "./status-error.ts";

export interface ServeOptions {
  readonly plane: ControlPlane;
  /** 0: any free one. */
  readonly port: number;
  /** The address to listen on, e.g. `127.0.0.1`. */
  readonly host: string;
  readonly certificate: Certificate;
  readonly log: Logger;
}

export interface ControlPlaneServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

/**
 * A connection ends with an answer of so much. Where a client asks on before such an answer counts as written, Node pauses
 * the connection, is given more over TLS all the same, takes that for a fault (HPE_PAUSED) and breaks the connection off.
 */
const largeBytes = 32 * 1024;

/** Serves the control plane over HTTPS. Disposal ends open watches and connections. @throws TerminalError PORT_IN_USE */
export async function serveControlPlane(options: ServeOptions): Promise<ControlPlaneServer> {
  const { plane, host, certificate, log } = options;
  const server = createServer({ cert: certificate.cert, key: certificate.key, requestTimeout: 60_000 });
  const port = await listen(server, options);
  const names = new Set([host, "localhost", "127.0.0.1", "[::1]"].map((name) => `${name}:${port}`));
  server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
    answer(plane, names, incoming, outgoing).catch((error: unknown) => {
      log.debug("connection of the embedded Kubernetes API broke off", { error });
      outgoing.destroy();
    });
  });
  return {
    url: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: Server, { port, host }: ServeOptions): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      const message = `port ${port} of the embedded Kubernetes API is in use: choose another with --kube-port`;
      throw new TerminalError("PORT_IN_USE", message, error);
    }
    throw error;
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

async function answer(
  plane: ControlPlane,
  names: ReadonlySet<string>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { host = "" } = incoming.headers;
  // A page in a browser reaches loopback under a name of its own (DNS rebinding).
  if (!names.has(host.toLowerCase())) return refuse(outgoing, forbidden(`the host "${host}" is not served here`));
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort()); // before anything is waited for: it is told once
  const body = await readBody(incoming);
  if (body === undefined) return refuse(outgoing, tooLarge(maxBodyBytes));
  const response = await plane.fetch(requestOf(incoming, host, body, gone.signal));
  await send(response, outgoing);
}

function refuse(outgoing: ServerResponse, status: StatusError): void {
  outgoing.writeHead(status.code, { "content-type": "application/json", connection: "close" });
  outgoing.end(JSON.stringify(status.body()));
}

/** Undefined when it is larger than the limit. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(incoming.headers["content-length"] ?? 0) > maxBodyBytes) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function requestOf(incoming: IncomingMessage, host: string, body: Buffer, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const { method = "GET", url = "/" } = incoming;
  return new Request(`https://${host}${url}`, { method, headers, signal, ...(body.length > 0 ? { body } : {}) });
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  const headers = Object.fromEntries(response.headers);
  if (response instanceof TextResponse) {
    const text = Buffer.from(await response.text());
    if (text.length >= largeBytes) outgoing.shouldKeepAlive = false;
    outgoing.writeHead(response.status, { ...headers, "content-length": text.length });
    return void outgoing.end(text);
  }
  const isStream = response.headers.get("content-length") === null && response.body !== null;
  outgoing.writeHead(response.status, headers);
  if (!isStream) return void outgoing.end();
  // Clients of a watch wait for the headers, which come before the first change.
  outgoing.flushHeaders();
  for await (const chunk of response.body ?? []) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await drained(outgoing);
  }
  outgoing.end();
}

/** Leaves no listener behind: a watch waits thousands of times. */
async function drained(outgoing: ServerResponse): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  try {
    await Promise.race([once(outgoing, "drain", { signal }), once(outgoing, "close", { signal })]);
  } finally {
    over.abort();
  }
}
