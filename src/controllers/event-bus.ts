import { parseEventBus } from "../api/event-bus.ts";
import type { EventBusResource } from "../api/resources.ts";
import { backoffMs, reconnectBackoff } from "../base/backoff.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { messageOf, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { WatchCache } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import type { BusHandle, MutableBusDirectory } from "./bus-directory.ts";
import type { ConditionDraft } from "./conditions.ts";
import type { Reconciler } from "./reconciler.ts";
import { createRunningSet } from "./running.ts";
import type { WriteStatus } from "./status.ts";

export interface EventBusControllerDeps {
  readonly cache: WatchCache;
  readonly directory: MutableBusDirectory;
  /**
   * Opens the bus of a `jetstreamExotic` resource and calls `onOpen` with it; runs its reader until `signal` aborts, then
   * closes it.
   */
  readonly runBus: (
    resource: EventBusResource,
    onOpen: (handle: BusHandle) => void,
    signal: AbortSignal,
  ) => Promise<void>;
  readonly writeStatus: WriteStatus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly request: (namespace: string, name: string) => void;
}

export interface EventBusController extends Reconciler {
  stopAll(): Promise<void>;
}

/**
 * EventBus resources: `jetstreamExotic` gets a connection of its own; `embedded`, and standing alone `jetstream` too, are
 * the system bus; `nats` (STAN) and `kafka` are not supported and say so.
 */
export function createEventBusController(deps: EventBusControllerDeps): EventBusController {
  const failures = new Map<string, string>();
  const open = new Set<string>();
  const running = createRunningSet((key, error) => deps.log.error("event bus stopped", { eventBus: key, error }));

  function requestKey(key: string): void {
    const [namespace = "", name = ""] = key.split("/");
    deps.request(namespace, name);
  }

  async function close(namespace: string, name: string): Promise<void> {
    await running.stop(`${namespace}/${name}`);
    failures.delete(`${namespace}/${name}`);
    if (open.delete(`${namespace}/${name}`)) deps.directory.set(namespace, name, undefined);
  }

  /** Each opening has its own handle: who used an earlier one moves to it. */
  async function keepOpen(key: string, resource: EventBusResource, signal: AbortSignal): Promise<void> {
    const { namespace, name } = resource.metadata;
    let attempt = 0;
    const onOpen = (handle: BusHandle): void => {
      if (signal.aborted) return;
      attempt = 0;
      failures.delete(key);
      deps.directory.set(namespace, name, handle);
      requestKey(key);
    };
    while (!signal.aborted) {
      const message = await deps.runBus(resource, onOpen, signal).then(() => "the connection ended", messageOf);
      if (signal.aborted) return;
      failures.set(key, message);
      deps.directory.set(namespace, name, { pending: `EventBus "${name}": ${message}` });
      requestKey(key);
      attempt += 1;
      await sleepFor(deps.clock, backoffMs(reconnectBackoff, attempt), signal).catch(() => undefined);
    }
  }

  async function ensureOpen(key: string, resource: EventBusResource): Promise<void> {
    const { namespace, name, uid } = resource.metadata;
    const fingerprint = JSON.stringify([uid, resource.spec]);
    await running.ensure(key, fingerprint, (signal) => {
      open.add(key);
      failures.delete(key);
      deps.directory.set(namespace, name, { pending: `EventBus "${name}" is being connected` });
      return keepOpen(key, resource, signal);
    });
  }

  return {
    stopAll: () => running.stopAll(),
    async reconcile({ namespace = "", name }, signal) {
      const key = `${namespace}/${name}`;
      const object = deps.cache.find(namespace, name);
      if (!object || object.metadata.deletionTimestamp !== undefined) {
        await close(namespace, name);
        return {};
      }
      const parsed = parse(object);
      if (!("resource" in parsed) || parsed.resource.kind !== "jetstreamExotic") await close(namespace, name);
      else await ensureOpen(key, parsed.resource);
      await deps.writeStatus(object, { conditions: conditionsOf(parsed, failures.get(key)) }, signal);
      return {};
    },
  };
}

type Parsed = { readonly resource: EventBusResource } | { readonly error: string };

function parse(object: KubeObject): Parsed {
  try {
    return parseEventBus(object);
  } catch (error) {
    if (error instanceof TerminalError) return { error: error.message };
    throw error;
  }
}

/** The original's two conditions (spec argo-events 2.7). */
function conditionsOf(parsed: Parsed, failure: string | undefined): ConditionDraft[] {
  if ("error" in parsed) {
    return [
      { type: "Configured", status: "False", reason: "InvalidSpec", message: parsed.error },
      { type: "Deployed", status: "Unknown" },
    ];
  }
  return [{ type: "Configured", status: "True" }, deployedOf(parsed.resource.kind, failure)];
}

function deployedOf(kind: EventBusResource["kind"], failure: string | undefined): ConditionDraft {
  switch (kind) {
    case "nats":
    case "kafka":
      return {
        type: "Deployed",
        status: "False",
        reason: "Unsupported",
        message: `spec.${kind} is not supported; events use the system bus. Use spec.jetstream or spec.jetstreamExotic`,
      };
    case "embedded":
    case "jetstream":
      return { type: "Deployed", status: "True", reason: "Succeeded", message: "events use the system bus" };
    case "jetstreamExotic":
      if (failure !== undefined)
        return { type: "Deployed", status: "False", reason: "ConnectFailed", message: failure };
      return {
        type: "Deployed",
        status: "True",
        reason: "Skipped",
        message: "Skip deployment because of using exotic config.",
      };
  }
}
