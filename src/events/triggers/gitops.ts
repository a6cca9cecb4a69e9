import { parseNanoseconds } from "../../base/duration.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { GitOpsPlan, GitOpsRequest, GitOpsWait, GitOpsWhich } from "./gitops-request.ts";
import { type GitOpsSpec, gitOpsTriggerSchema as schema, selectorText } from "./gitops-spec.ts";
import { nextHop, traceOf } from "./hops.ts";
import type { Firing, GitOpsTarget, Outcome, Preview, TriggerContext, TriggerKind } from "./trigger.ts";

/** What is asked for, and what that would meet. */
interface GitOpsAsk {
  readonly request: GitOpsRequest;
  readonly meets: GitOpsPlan;
}

export interface GitOpsEffect {
  /** One for each Application. */
  readonly asks: readonly GitOpsAsk[];
  /** Which are meant. */
  readonly which: GitOpsWhich;
  readonly wait?: GitOpsWait;
}

/** So many Applications are shown with what would change. */
const maxPreviews = 20;

/**
 * Asks, as the Sensor's service account, for a reconcile of one Application or of all that a selector finds. The request
 * is stored; the reconcile flow acts on it afterwards, so that success says "asked for", unless `wait` asks for more.
 * @throws TerminalError TRIGGER_UNSUPPORTED where nothing reconciles
 */
export const gitOpsTrigger: TriggerKind<GitOpsSpec, GitOpsEffect> = {
  schema,
  async plan(spec, firing, context, signal) {
    const target = targetOf(context);
    const block = withParameters(spec, context);
    const which = whichOf(block);
    const found = await target.find(which, context.kube, signal);
    const { isOffline = false } = context;
    const asks = found.map((meets) => ({ request: requestOf(block, { meets, firing, isOffline }), meets }));
    return { asks, which, ...waitOf(block) };
  },
  async apply({ asks, which, wait }, _firing, context, signal) {
    const target = targetOf(context);
    const [only, ...others] = asks;
    if (only === undefined) return { message: `no Application ${placeOf(which)}` };
    if (others.length === 0) return askOne(only.request, wait, { target, context, signal });
    const answers = await Promise.allSettled(
      asks.map(({ request }) => askOne(request, wait, { target, context, signal })),
    );
    return together(answers);
  },
  async preview({ asks, which }, _firing, context, signal) {
    const target = targetOf(context);
    const shown = asks.slice(0, maxPreviews);
    if (shown.length === 0) return { summary: `no Application ${placeOf(which)}` };
    const previews: Preview[] = [];
    for (const ask of shown) previews.push(await previewOf(ask, target, context, signal));
    const [only] = previews;
    if (previews.length === 1 && only !== undefined) return only;
    const lines = previews.flatMap(({ summary, diff = [] }) => [` ${summary}`, ...diff]);
    return { summary: `would ask ${asks.length} Applications`, diff: lines };
  },
};

function targetOf({ gitOps }: TriggerContext): GitOpsTarget {
  if (gitOps) return gitOps;
  throw new TerminalError("TRIGGER_UNSUPPORTED", "gitOps: this engine does not reconcile Applications");
}

/** Parsed again: what events put in must hold as much as what the user wrote. */
function withParameters({ parameters = [], ...block }: GitOpsSpec, context: TriggerContext): GitOpsSpec {
  if (parameters.length === 0) return block;
  const changed = context.parameters.apply(block as JsonObject, parameters, "gitOps.parameters");
  return schema.parse(changed, "gitOps");
}

function whichOf({ namespace, application, selector }: GitOpsSpec): GitOpsWhich {
  if (selector !== undefined) return { namespace, selector: selectorText(selector) };
  return { namespace, name: application ?? "" };
}

function placeOf(which: GitOpsWhich): string {
  const what = "selector" in which ? `has the labels ${which.selector}` : `"${which.name}" is there`;
  return `in namespace "${which.namespace}" ${what}`;
}

interface Asked {
  readonly meets: GitOpsPlan;
  readonly firing: Firing;
  readonly isOffline: boolean;
}

function requestOf(spec: GitOpsSpec, { meets, firing, isOffline }: Asked): GitOpsRequest {
  const { key, sensor } = firing;
  const { operation, revision, prune, dryRun, syncOptions, source, historyId: id, branch } = spec;
  const trace = traceOf(firing);
  const asked = { application: meets.application, operation, key, by: sensor, hop: nextHop(firing) };
  const common = { ...asked, ...(trace && { trace }) };
  if (operation === "terminate") return { ...common, begun: meets.begun };
  if (operation === "revert") {
    return { ...common, revert: { ...(id === undefined ? {} : { id }), ...(branch === undefined ? {} : { branch }) } };
  }
  if (operation === "rollback") return { ...common, rollback: { ...idOf(spec, meets, isOffline), prune, dryRun } };
  if (operation !== "sync") return common;
  const sync = { ...(revision ? { revision } : {}), prune, dryRun, syncOptions };
  return { ...common, sync, ...(source === undefined ? {} : { source }) };
}

/** Where nothing can be read it is not known what the history holds. */
function idOf(spec: GitOpsSpec, meets: GitOpsPlan, isOffline: boolean): { readonly id?: number } {
  if (!isOffline) return { id: historyIdOf(spec, meets) };
  return spec.historyId === undefined ? {} : { id: spec.historyId };
}

function historyIdOf({ historyId }: GitOpsSpec, { application, history, previous }: GitOpsPlan): number {
  const id = historyId ?? previous;
  const name = `${application.namespace}/${application.name}`;
  if (id === undefined)
    throw new TerminalError("SYNC_REFUSED", `Application ${name} has no earlier sync to go back to`);
  if (history.includes(id)) return id;
  const known = history.length === 0 ? "it is empty" : `it has ${history.join(", ")}`;
  throw new TerminalError(
    "SYNC_REFUSED",
    `gitOps.historyId: ${id} is not in the history of Application ${name}: ${known}`,
  );
}

function waitOf({ operation, wait }: GitOpsSpec): Pick<GitOpsEffect, "wait"> {
  if (wait === undefined || (operation !== "sync" && operation !== "rollback")) return {};
  const nanoseconds = parseNanoseconds(wait.timeout) ?? 0n;
  return { wait: { until: wait.until, timeoutMs: Number(nanoseconds / 1_000_000n) } };
}

interface Asking {
  readonly target: GitOpsTarget;
  readonly context: TriggerContext;
  readonly signal: AbortSignal;
}

async function askOne(
  request: GitOpsRequest,
  wait: GitOpsWait | undefined,
  { target, context, signal }: Asking,
): Promise<Outcome> {
  const outcome = await target.request(request, context.kube, signal);
  if (wait === undefined) return outcome;
  return { ...outcome, message: await target.wait(request, wait, context.kube, signal) };
}

/** One that failed is told, and tried again with the others, for which that is nothing new. */
function together(answers: readonly PromiseSettledResult<Outcome>[]): Outcome {
  const failed = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as unknown] : []));
  const [first] = failed;
  if (first !== undefined) {
    const messages = [...new Set(failed.map(messageOf))].join("; ");
    const text = `${failed.length} of ${answers.length} Applications: ${messages}`;
    if (first instanceof TerminalError) throw new TerminalError(first.code, text, first);
    throw new EngineError(first instanceof EngineError ? first.code : "TRIGGER_FAILED", text, first);
  }
  const done = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  return {
    message: done.map(({ message }) => message).join("; "),
    objects: done.flatMap(({ objects = [] }) => objects),
  };
}

async function previewOf(
  { request, meets }: GitOpsAsk,
  target: GitOpsTarget,
  { kube }: TriggerContext,
  signal: AbortSignal,
): Promise<Preview> {
  const { application, syncStatus, healthStatus, revision, outOfSync } = meets;
  const name = `${application.namespace}/${application.name}`;
  const at = revision === "" ? "" : ` at ${revision.slice(0, 7)}`;
  const summary = `would ask Application ${name} to ${request.operation}: it is ${syncStatus}${at}, ${healthStatus}`;
  const looked = request.sync === undefined ? undefined : await target.preview(request, kube, signal);
  if (looked !== undefined)
    return { summary: `${summary}; ${looked.summary}`, ...(looked.diff && { diff: looked.diff }) };
  const diff = outOfSync.map((object) => ` differs: ${object}`);
  return { summary, ...(diff.length > 0 && { diff }) };
}
