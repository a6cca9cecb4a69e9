import type { Server } from "node:http";
import type { Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { close, createListener, type Handler, listen } from "./ingress-listener.ts";
import { createRoutes, type Owner, type RouteClaim, type Routes } from "./ingress-routes.ts";
import type { HttpRoute } from "./source.ts";

interface Listener {
  readonly server: Server;
  readonly routes: Routes;
  readonly isSecure: boolean;
  /** A text when it cannot be listened on. */
  readonly listening: Promise<string | undefined>;
  readonly renewal: NodeJS.Timeout | undefined;
}

export interface OwnPortsOptions {
  readonly host: string;
  readonly handler: Handler;
  readonly drainMs: number;
  readonly log: Logger;
  /**
   * Given, each EventSource has listeners of its own, on free ports in place of those that it names: in a cluster its
   * Service leads from the ones to the others. Called once such a port is listened on, and after it was closed.
   */
  readonly onAllocated?: (owner: Owner) => void;
}

/** How often a certificate is read again. */
const renewalMs = 60_000;

/** One listener per port for all EventSources (or for each), from the first route that names it to the last. */
export function createOwnPorts({ host, handler, drainMs, log, onAllocated }: OwnPortsOptions) {
  const listeners = new Map<string, Listener>();
  const keyOf = ({ namespace, name }: Pick<Owner, "namespace" | "name">, port: number): string =>
    onAllocated ? `${namespace}/${name}:${port}` : String(port);

  function listenerOf(owner: Owner, port: number, tls: HttpRoute["tls"]): Listener {
    const key = keyOf(owner, port);
    const known = listeners.get(key);
    if (known) return known;
    const routes = createRoutes();
    const server = createListener(handler, routes, tls !== undefined);
    const certify = async (): Promise<void> => tls && (server as SecureServer).setSecureContext(await tls());
    const listening = certify().then(
      () => listenOn(server, owner, port),
      (error: unknown) => `port ${port} has no certificate: ${messageOf(error)}`,
    );
    const renew = (): void => {
      certify().catch((error: unknown) => log.warn("certificate not renewed", { port, error }));
    };
    const renewal = tls && setInterval(renew, renewalMs).unref();
    const listener = { server, routes, isSecure: tls !== undefined, listening, renewal };
    listeners.set(key, listener);
    return listener;
  }

  function listenOn(server: Server, owner: Owner, port: number): Promise<string | undefined> {
    return listen(server, host, onAllocated ? 0 : port).then(
      () => {
        server.on("error", (error) => log.error("own port listener failed", { port, error }));
        onAllocated?.(owner);
        return undefined;
      },
      (error: unknown) => `port ${port} cannot be listened on: ${messageOf(error)}`,
    );
  }

  function claim(claim: RouteClaim): () => void {
    const { port, endpoint, tls } = claim.route;
    if (port === undefined || endpoint === undefined) return () => undefined;
    const listener = listenerOf(claim.owner, port, tls);
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
      listeners.delete(keyOf(claim.owner, port));
      onAllocated?.(claim.owner);
      end(listener, drainMs).catch((error: unknown) => log.error("own port not closed", { port, error }));
    };
  }

  /** By the port that the EventSource names: the one that is listened on for it; undefined while there is none yet. */
  function allocated(owner: Pick<Owner, "namespace" | "name">): ReadonlyMap<number, number | undefined> {
    const prefix = keyOf(owner, 0).slice(0, -1);
    const own = [...listeners].filter(([key]) => key.startsWith(prefix));
    return new Map(own.map(([key, { server }]) => [Number(key.slice(prefix.length)), portOf(server)]));
  }

  return {
    claim,
    allocated,
    close: () => Promise.all([...listeners.values()].map((listener) => end(listener, drainMs))),
  };
}

/** Of a listener that nobody claims any more, or all of them. */
async function end({ server, listening, renewal }: Listener, drainMs: number): Promise<void> {
  clearInterval(renewal);
  await listening; // one that is about to listen would go on
  await close(server, drainMs);
}

function portOf(server: Server): number | undefined {
  return (server.address() as AddressInfo | null)?.port;
}
