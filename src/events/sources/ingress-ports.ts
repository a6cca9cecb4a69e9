import type { Server } from "node:http";
import type { Server as SecureServer } from "node:https";
import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { close, createListener, type Handler, listen } from "./ingress-listener.ts";
import { createRoutes, type RouteClaim, type Routes } from "./ingress-routes.ts";
import type { HttpRoute } from "./source.ts";

interface Listener {
  readonly server: Server;
  readonly routes: Routes;
  readonly isSecure: boolean;
  /** A text when it cannot be listened on. */
  readonly listening: Promise<string | undefined>;
  readonly renewal: NodeJS.Timeout | undefined;
}

/** How often a certificate is read again. */
const renewalMs = 60_000;

/** One listener per port for all EventSources, from the first route that names it to the last. */
export function createOwnPorts(host: string, handler: Handler, drainMs: number, log: Logger) {
  const listeners = new Map<number, Listener>();

  function listenerOf(port: number, tls: HttpRoute["tls"]): Listener {
    const known = listeners.get(port);
    if (known) return known;
    const routes = createRoutes();
    const server = createListener(handler, routes, tls !== undefined);
    const certify = async (): Promise<void> => tls && (server as SecureServer).setSecureContext(await tls());
    const listening = certify().then(
      () => listenOn(server, port),
      (error: unknown) => `port ${port} has no certificate: ${messageOf(error)}`,
    );
    const renew = (): void => {
      certify().catch((error: unknown) => log.warn("certificate not renewed", { port, error }));
    };
    const renewal = tls && setInterval(renew, renewalMs).unref();
    const listener = { server, routes, isSecure: tls !== undefined, listening, renewal };
    listeners.set(port, listener);
    return listener;
  }

  function listenOn(server: Server, port: number): Promise<string | undefined> {
    return listen(server, host, port).then(
      () => {
        server.on("error", (error) => log.error("own port listener failed", { port, error }));
        return undefined;
      },
      (error: unknown) => `port ${port} cannot be listened on: ${messageOf(error)}`,
    );
  }

  /** Of a listener that nobody claims any more, or all of them. */
  async function end({ server, listening, renewal }: Listener): Promise<void> {
    clearInterval(renewal);
    await listening; // one that is about to listen would go on
    await close(server, drainMs);
  }

  function claim(claim: RouteClaim): () => void {
    const { port, endpoint, tls } = claim.route;
    if (port === undefined || endpoint === undefined) return () => undefined;
    const listener = listenerOf(port, tls);
    if (listener.isSecure !== (tls !== undefined)) {
      const form = listener.isSecure ? "with TLS" : "without TLS";
      claim.onWarning(`port ${port} is served ${form} for another EventSource; it works at its ingress URL`);
      return () => undefined;
    }
    const release = listener.routes.claim(endpoint.startsWith("/") ? endpoint : `/${endpoint}`, claim);
    let released = false;
    listener.listening
      .then((problem) => {
        if (problem !== undefined && !released) claim.onWarning(`${problem}; it works at its ingress URL`);
      })
      .catch((error: unknown) => log.error("warning could not be given", { error }));
    return () => {
      released = true;
      release();
      if (listener.routes.size > 0) return;
      listeners.delete(port);
      end(listener).catch((error: unknown) => log.error("own port not closed", { port, error }));
    };
  }

  return {
    claim,
    close: () => Promise.all([...listeners.values()].map(end)),
  };
}
