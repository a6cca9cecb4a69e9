import { Command } from "commander";
import { textOf } from "../../api/fields.ts";
import { type Clock, sleepFor, systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type GlobalFlags, globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { print } from "../output.ts";
import { healthOf, operationStateOf, qualifiedName, syncStatusOf } from "./application.ts";
import { type ApplicationsClient, type AppName, openApplicationsClient } from "./applications-client.ts";
import { chosenApplications } from "./chosen.ts";
import { waitTimeout } from "./finish.ts";
import { parseCount, refuseFlags } from "./options.ts";
import { type ResourcePattern, type ResourceState, resourceStates } from "./resource-states.ts";
import { localZone, syncText } from "./summary.ts";
import { parseResource } from "./sync-request.ts";
import { createWaitTable } from "./wait-table.ts";

/** What to wait for. */
export interface Wanted {
  readonly sync: boolean;
  readonly health: boolean;
  readonly suspended: boolean;
  readonly degraded: boolean;
  readonly operation: boolean;
}

interface WaitFlags extends Partial<Wanted> {
  readonly delete?: true;
  readonly resource: readonly ResourcePattern[];
  readonly selector?: string;
  /** Seconds; 0: no end. */
  readonly timeout: number;
  readonly appNamespace?: string;
}

const pollMs = 100;

/** `tiphys app wait [APPNAME…]` */
export function waitCommand(): Command {
  return refuseFlags(new Command("wait"), ["--hydrated"], "sources are not hydrated here")
    .description("Waits until Applications are synced, healthy and without an operation, or what the flags say")
    .argument("[appname...]", "NAME or NAMESPACE/NAME")
    .option("--sync", "until it is synced")
    .option("--health", "until it is healthy")
    .option("--operation", "until no operation is in progress")
    .option("--suspended", "until it is suspended")
    .option("--degraded", "until it is degraded")
    .option("--delete", "until it is gone")
    .option("--resource <resource>", "[!]GROUP:KIND:[NAMESPACE/]NAME; may be repeated", parseResource, [])
    .option("-l, --selector <selector>", "all Applications whose labels match")
    .option("--timeout <seconds>", "how long; 0: as long as it takes", parseCount, 0)
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (texts: readonly string[], flags: WaitFlags, self: Command) => {
      const client = openApplicationsClient(globalFlags(self));
      for (const app of await chosenApplications(client, texts, flags))
        await waitFor(client, app, flags, globalFlags(self));
    });
}

/** None of the conditions: synced, healthy and without an operation. */
function wantedOf({ sync, health, suspended, degraded, operation }: WaitFlags): Wanted {
  const isAny = sync || health || suspended || degraded || operation;
  return {
    sync: sync === true || !isAny,
    health: health === true || !isAny,
    operation: operation === true || !isAny,
    suspended: suspended === true,
    degraded: degraded === true,
  };
}

async function waitFor(client: ApplicationsClient, app: AppName, flags: WaitFlags, global: GlobalFlags): Promise<void> {
  const wanted = wantedOf(flags);
  const clock = systemClock;
  const context = { url: client.url, zone: localZone(), clock };
  const isText = global.output === "text" || global.output === "wide";
  const stream = isText ? process.stdout : process.stderr;
  const first = await findOne(client, app, "normal");
  if (first === undefined) {
    if (flags.delete) return;
    throw exitingWith(20, new EngineError("NOT_FOUND", `application '${app.name}' not found`));
  }
  const { name = "", namespace = "" } = first.metadata;
  const rows = createWaitTable({ ...context, write: (line) => void stream.write(line) });
  const last = await poll(client, { name, namespace }, first, {
    ...flags,
    wanted,
    clock: systemClock,
    seen: (application) => rows.update(resourceStates(application, flags.resource)),
  });
  if (last === undefined) {
    stream.write(`\napplication '${name}' deleted\n`);
    return;
  }
  if (isText) stream.write("\n");
  const windows = await client.windows({ name, namespace });
  print(global, last, { text: (application) => syncText(application, { ...context, windows }), name: qualifiedName });
}

interface PollOptions extends Pick<WaitFlags, "delete" | "resource" | "timeout"> {
  readonly wanted: Wanted;
  readonly clock: Clock;
  readonly seen: (application: KubeObject) => void;
}

/** Undefined: it is gone, as was waited for. @throws EngineError WAIT_TIMEOUT, SYNC_FAILED, NOT_FOUND, all with 20 */
async function poll(client: ApplicationsClient, app: AppName, first: KubeObject, options: PollOptions) {
  const { wanted, clock, seen, timeout, resource } = options;
  const deadline = timeout === 0 ? Number.POSITIVE_INFINITY : clock.monotonicMs() + timeout * 1_000;
  for (let now: KubeObject | undefined = first; ; now = await findOne(client, app)) {
    if (now === undefined) {
      if (options.delete) return undefined;
      throw exitingWith(20, new EngineError("NOT_FOUND", `application '${app.name}' was deleted`));
    }
    seen(now);
    if (!options.delete && isReached(now, wanted, resource)) return now;
    if (hasDegraded(first, now, wanted, resource)) {
      const change = `from ${healthOf(first).status} to Degraded`;
      const message = `application '${app.name}' health state has transitioned ${change}`;
      throw exitingWith(20, new EngineError("SYNC_FAILED", message));
    }
    if (clock.monotonicMs() >= deadline) throw waitTimeout(timeout, now);
    await sleepFor(clock, pollMs, new AbortController().signal);
  }
}

async function findOne(client: ApplicationsClient, app: AppName, refresh?: "normal"): Promise<KubeObject | undefined> {
  try {
    return await client.get(app, refresh);
  } catch (error) {
    if (error instanceof EngineError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** Of the whole Application, or of the objects that are selected. */
export function isReached(application: KubeObject, wanted: Wanted, resource: readonly ResourcePattern[]): boolean {
  if (wanted.operation && hasOperation(application)) return false;
  if (resource.length === 0)
    return fits({ status: syncStatusOf(application), health: healthOf(application).status }, wanted);
  const states = resourceStates(application, resource);
  return states.length > 0 && states.every((state) => fits(state, wanted));
}

function hasOperation(application: KubeObject): boolean {
  const state = operationStateOf(application);
  return isJsonObject(application.operation) || (state !== undefined && textOf(state.finishedAt) === "");
}

/** Several conditions of health: one is enough. An object without a health of its own is as healthy as it can be. */
function fits({ status, health }: Pick<ResourceState, "status" | "health">, wanted: Wanted): boolean {
  const healths = [
    ...(wanted.health ? ["Healthy"] : []),
    ...(wanted.suspended ? ["Suspended"] : []),
    ...(wanted.degraded ? ["Degraded"] : []),
  ];
  if (wanted.sync && status !== "Synced") return false;
  return healths.length === 0 || healths.includes(health === "" ? "Healthy" : health);
}

function hasDegraded(
  first: KubeObject,
  now: KubeObject,
  wanted: Wanted,
  resource: readonly ResourcePattern[],
): boolean {
  if (!wanted.health || wanted.degraded || resource.length > 0) return false;
  return healthOf(first).status !== "Degraded" && healthOf(now).status === "Degraded";
}
