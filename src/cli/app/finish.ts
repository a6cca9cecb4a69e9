import { textOf } from "../../api/fields.ts";
import { systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { GlobalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { print } from "../output.ts";
import { operationStateOf, qualifiedName } from "./application.ts";
import type { ApplicationsClient, AppName } from "./applications-client.ts";
import { followOperation } from "./follow.ts";
import { type ResourcePattern, resourceStates } from "./resource-states.ts";
import { localZone, syncText } from "./summary.ts";
import { createWaitTable } from "./wait-table.ts";

export interface FinishOptions {
  /** Seconds; 0: no end. */
  readonly timeout: number;
  readonly resource: readonly ResourcePattern[];
  /** Whether the comparison may lag behind the end: then it is made anew. */
  readonly refreshes: boolean;
}

const timeoutExitCode = 20;

/**
 * Follows the operation that `started` carries: rows while it runs, then what it came to. Answers its end, and the
 * Application as it is then. @throws EngineError WAIT_TIMEOUT
 */
export async function finishOperation(
  client: ApplicationsClient,
  app: AppName,
  started: KubeObject,
  options: FinishOptions,
  global: GlobalFlags,
): Promise<{ readonly finished: KubeObject; readonly last: KubeObject }> {
  const { timeout, resource, refreshes } = options;
  const windows = await client.windows(app);
  const context = { url: client.url, zone: localZone(), clock: systemClock, windows };
  const isText = global.output === "text" || global.output === "wide";
  const stream = isText ? process.stdout : process.stderr;
  const rows = createWaitTable({ ...context, write: (line) => void stream.write(line) });
  const finished = await followOperation(started, {
    ...context,
    read: () => client.get(app),
    seen: (application) => rows.update(resourceStates(application, resource)),
    signal: new AbortController().signal, // ended by Ctrl-C alone
    ...(timeout === 0 ? {} : { timeoutMs: timeout * 1_000 }),
  });
  if (finished === undefined) stream.write("\nThis is the state of the app after `wait` timed out:\n");
  // The comparison lags behind the end of a sync: the state to show is the one after it.
  const last = await client.get(app, finished === undefined || !refreshes ? undefined : "normal");
  if (isText) stream.write("\n");
  print(global, last, { text: (application) => syncText(application, context), name: qualifiedName });
  if (finished !== undefined) return { finished, last };
  stream.write("\nThe command timed out waiting for the conditions to be met.\n");
  throw waitTimeout(timeout, last);
}

export function waitTimeout(seconds: number, application: KubeObject): Error {
  const message = `timed out (${seconds}s) waiting for app "${qualifiedName(application)}" match desired state`;
  return exitingWith(timeoutExitCode, new EngineError("WAIT_TIMEOUT", message));
}

/** @throws EngineError SYNC_FAILED unless the operation succeeded */
export function checkSucceeded(finished: KubeObject): void {
  const phase = textOf(operationStateOf(finished)?.phase);
  if (phase !== "Succeeded") throw new EngineError("SYNC_FAILED", `Operation has completed with phase: ${phase}`);
}
