import type { EventBusResource } from "../api/resources.ts";
import { backoffMs, reconnectBackoff } from "../base/backoff.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { BusHandle, MutableBusDirectory } from "./bus-directory.ts";
import { createRunningSet } from "./running.ts";

export interface BusConnectionDeps {
  readonly directory: MutableBusDirectory;
  /**
   * Opens the bus of a `jetstreamExotic` resource, or a `jetstream` one that was installed, and calls `onOpen` with it;
   * runs its reader until `signal` aborts, then closes it.
   */
  readonly runBus: (
    resource: EventBusResource,
    onOpen: (handle: BusHandle) => void,
    signal: AbortSignal,
  ) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Asks for a reconcile: a bus was opened or failed. */
  readonly request: (namespace: string, name: string) => void;
}

/** The connections of EventBus resources, each with its entry in the directory. */
export interface BusConnections {
  /** Connects, again and again; a resource that is not as before is connected anew. */
  ensureOpen(resource: EventBusResource): Promise<void>;
  /** For a bus that was never opened: who wants it waits and is told why. One that was is left alone. */
  holdBack(resource: EventBusResource, reason: string): void;
  /** Who used the bus has the system bus from here on. */
  close(namespace: string, name: string): Promise<void>;
  /** Why there is no connection now. */
  failure(namespace: string, name: string): string | undefined;
  stopAll(): Promise<void>;
}

export function createBusConnections({ directory, runBus, clock, log, request }: BusConnectionDeps): BusConnections {
  const failures = new Map<string, string>();
  /** What the directory holds of ours. */
  const entries = new Map<string, "held" | "connecting">();
  const running = createRunningSet((key, error) => log.error("event bus stopped", { eventBus: key, error }));

  /** Each opening has its own handle: who used an earlier one moves to it. */
  async function keepOpen(key: string, resource: EventBusResource, signal: AbortSignal): Promise<void> {
    const { namespace, name } = resource.metadata;
    let attempt = 0;
    const onOpen = (handle: BusHandle): void => {
      if (signal.aborted) return;
      attempt = 0;
      failures.delete(key);
      directory.set(namespace, name, handle);
      request(namespace, name);
    };
    while (!signal.aborted) {
      const message = await runBus(resource, onOpen, signal).then(() => "the connection ended", messageOf);
      if (signal.aborted) return;
      failures.set(key, message);
      directory.set(namespace, name, { pending: `EventBus "${name}": ${message}` });
      request(namespace, name);
      attempt += 1;
      await sleepFor(clock, backoffMs(reconnectBackoff, attempt), signal).catch(() => undefined);
    }
  }

  return {
    async ensureOpen(resource) {
      const { namespace, name, uid } = resource.metadata;
      const key = `${namespace}/${name}`;
      await running.ensure(key, JSON.stringify([uid, resource.spec]), (signal) => {
        entries.set(key, "connecting");
        failures.delete(key);
        directory.set(namespace, name, { pending: `EventBus "${name}" is being connected` });
        return keepOpen(key, resource, signal);
      });
    },
    holdBack({ metadata: { namespace, name } }, reason) {
      const key = `${namespace}/${name}`;
      if (entries.get(key) === "connecting") return;
      entries.set(key, "held");
      directory.set(namespace, name, { pending: `EventBus "${name}": ${reason}` });
    },
    async close(namespace, name) {
      const key = `${namespace}/${name}`;
      await running.stop(key);
      failures.delete(key);
      if (entries.delete(key)) directory.set(namespace, name, undefined);
    },
    failure: (namespace, name) => failures.get(`${namespace}/${name}`),
    stopAll: () => running.stopAll(),
  };
}
