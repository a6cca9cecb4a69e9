import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Routes } from "./ingress-routes.ts";

export type Handler = (routes: Routes, request: IncomingMessage, response: ServerResponse) => void;

/** With `isSecure` it answers nobody before it got a certificate by `setSecureContext`. */
export function createListener(handler: Handler, routes: Routes, isSecure = false): Server {
  const options = {
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 5_000,
    maxHeaderSize: 65_536,
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => handler(routes, request, response);
  return isSecure ? createSecureServer(options, onRequest) : createServer(options, onRequest);
}

export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Lets requests under way end. */
export async function close(server: Server, drainMs: number): Promise<void> {
  if (!server.listening) return;
  const deadline = setTimeout(() => server.closeAllConnections(), drainMs);
  // Connections that are kept alive become idle only once their request is answered.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(sweep);
  clearTimeout(deadline);
}
