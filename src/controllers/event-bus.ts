import { parseEventBus } from "../api/event-bus.ts";
import type { EventBusResource } from "../api/resources.ts";
import { TerminalError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { KubeClient, WatchCache } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { type BusConnectionDeps, createBusConnections } from "./bus-connections.ts";
import type { ConditionDraft } from "./conditions.ts";
import { finishDeletion, holdForDeletion, type InstallResult, installNativeBus } from "./native-bus/install.ts";
import { clientConfigOf, readNativeBus } from "./native-bus/native-bus.ts";
import type { Reconciler } from "./reconciler.ts";
import type { WriteStatus } from "./status.ts";

export interface EventBusControllerDeps extends BusConnectionDeps {
  readonly cache: WatchCache;
  readonly kube: KubeClient;
  /** Standing alone: there is nothing that a nats-server for a `jetstream` resource could run on. */
  readonly isSimulated: boolean;
  readonly writeStatus: WriteStatus;
}

export interface EventBusController extends Reconciler {
  stopAll(): Promise<void>;
}

/** How soon what runs a bus is looked at again: somebody may have changed it, or a certificate ends. */
const againAfterMs = 5 * 60_000;
/** The same when it could not be made. */
const failedMs = 30_000;

/**
 * EventBus resources: `jetstreamExotic` gets a connection of its own; in a real cluster `jetstream` is a nats-server that
 * is made for it, and a connection to that; `embedded`, and standing alone `jetstream` too, are the system bus; `nats`
 * (STAN) and `kafka` are not supported and say so.
 */
export function createEventBusController(deps: EventBusControllerDeps): EventBusController {
  const connections = createBusConnections(deps);

  /** What runs goes on when the cluster takes no change; who waits for a bus that never ran is told why. */
  async function runNative(
    resource: EventBusResource,
    object: KubeObject,
    signal: AbortSignal,
  ): Promise<InstallResult> {
    await holdForDeletion(object, deps.kube, signal);
    const installed = await install(resource, deps, signal);
    if (installed.ok) await connections.ensureOpen(resource);
    else connections.holdBack(resource, installed.failure.message);
    return installed;
  }

  async function run(parsed: Parsed, object: KubeObject, signal: AbortSignal): Promise<InstallResult | undefined> {
    const { namespace = "", name = "" } = object.metadata;
    const resource = "resource" in parsed ? parsed.resource : undefined;
    if (resource?.kind === "jetstream" && !deps.isSimulated) return runNative(resource, object, signal);
    if (resource?.kind === "jetstreamExotic") await connections.ensureOpen(resource);
    else await connections.close(namespace, name);
    return undefined;
  }

  return {
    stopAll: () => connections.stopAll(),
    async reconcile({ namespace = "", name }, signal) {
      const object = deps.cache.find(namespace, name);
      if (!object || object.metadata.deletionTimestamp !== undefined) {
        await connections.close(namespace, name);
        if (object) await finishDeletion(object, deps.kube, signal);
        return {};
      }
      const parsed = parse(object, deps.isSimulated);
      const installed = await run(parsed, object, signal);
      const conditions = conditionsOf(parsed, { failure: connections.failure(namespace, name), installed });
      await deps.writeStatus(object, { conditions, ...configOf(parsed, installed) }, signal);
      if (installed === undefined) return {};
      return { againAfterMs: installed.ok ? againAfterMs : failedMs };
    },
  };
}

async function install(
  resource: EventBusResource,
  { kube, clock }: EventBusControllerDeps,
  signal: AbortSignal,
): Promise<InstallResult> {
  return installNativeBus(readNativeBus(resource), { kube, clock }, signal);
}

/** `status.config`: how clients of the original reach the bus; null where there is nothing that they could reach. */
function configOf(parsed: Parsed, installed: InstallResult | undefined): { readonly fields?: JsonObject } {
  if ("error" in parsed) return {};
  const { kind, spec } = parsed.resource;
  if (kind === "jetstreamExotic") return { fields: { config: { jetstream: spec.jetstreamExotic ?? {} } } };
  if (installed === undefined) return { fields: { config: null } };
  return installed.ok ? { fields: { config: { jetstream: clientConfigOf(readNativeBus(parsed.resource)) } } } : {};
}

type Parsed = { readonly resource: EventBusResource } | { readonly error: string };

function parse(object: KubeObject, isSimulated: boolean): Parsed {
  try {
    const { resource } = parseEventBus(object);
    if (resource.kind === "jetstream" && !isSimulated) readNativeBus(resource); // its streamConfig may be unreadable
    return { resource };
  } catch (error) {
    if (error instanceof TerminalError) return { error: error.message };
    throw error;
  }
}

interface BusState {
  /** Why there is no connection. */
  readonly failure: string | undefined;
  /** Of a `jetstream` bus in a real cluster. */
  readonly installed: InstallResult | undefined;
}

/** The original's two conditions (spec argo-events 2.7). */
function conditionsOf(parsed: Parsed, state: BusState): ConditionDraft[] {
  if ("error" in parsed) {
    return [
      { type: "Configured", status: "False", reason: "InvalidSpec", message: parsed.error },
      { type: "Deployed", status: "Unknown" },
    ];
  }
  return [
    { type: "Configured", status: "True" },
    { type: "Deployed", ...deployedOf(parsed.resource.kind, state) },
  ];
}

function deployedOf(kind: EventBusResource["kind"], state: BusState): Omit<ConditionDraft, "type"> {
  switch (kind) {
    case "nats":
      return unsupported("spec.nats (NATS Streaming, at its end of life)");
    case "kafka":
      return unsupported("spec.kafka");
    case "embedded":
      return { status: "True", reason: "Succeeded", message: "events use the system bus" };
    case "jetstream":
      return nativeDeployed(state);
    case "jetstreamExotic":
      if (state.failure !== undefined) return { status: "False", reason: "ConnectFailed", message: state.failure };
      return { status: "True", reason: "Skipped", message: "Skip deployment because of using exotic config." };
  }
}

function unsupported(what: string): Omit<ConditionDraft, "type"> {
  const message = `${what} is not supported; events use the system bus. Use spec.jetstream or spec.jetstreamExotic`;
  return { status: "False", reason: "Unsupported", message };
}

/** While servers start there is no connection yet: not a failure, and not well either. */
function nativeDeployed({ failure, installed }: BusState): Omit<ConditionDraft, "type"> {
  if (installed === undefined) return { status: "True", reason: "Succeeded", message: "events use the system bus" };
  if (!installed.ok) {
    const { reason, message } = installed.failure;
    return { status: "False", reason, message };
  }
  if (failure === undefined) return { status: "True", reason: "Succeeded", message: "JetStream is deployed" };
  return { status: "Unknown", reason: "Connecting", message: `JetStream is deployed; no connection yet: ${failure}` };
}
