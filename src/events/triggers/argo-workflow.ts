import { errorAt, listOf, textOf, warningAt } from "../../api/fields.ts";
import { type Clock, isoTime } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";

import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { type KubeObject, type ObjectRef, refText } from "../../objects/object.ts";
import { readArtifact } from "./artifact.ts";
import { artifactSchema, sourceRule } from "./artifact-schema.ts";
import { awaitLabels } from "./label-policy.ts";
import { checkObject, createOnce, effectAnnotation, effectHash, fieldManager, withMarks } from "./object-effect.ts";
import { objectPreview } from "./object-preview.ts";
import { requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { resourceParametersSchema } from "./schemas.ts";
import type { Firing, Outcome, TriggerContext, TriggerKind } from "./trigger.ts";
import { parseWorkflowArgs, type WorkflowArgs } from "./workflow-args.ts";
import { resumedWorkflow, retriedWorkflow, shutDownWorkflow, suspendedWorkflow } from "./workflow-change.ts";
import {
  askServer,
  createRequest,
  operationRequest,
  readRequest,
  type ServerRequest,
  submitRequest,
  type WorkflowServer,
  workflowServerSchema,
} from "./workflow-server.ts";
import { resubmittedWorkflow, submittedWorkflow, workflowFromCron, workflowFromTemplate } from "./workflow-start.ts";

const operations = ["submit", "submit-from", "resubmit", "resume", "retry", "stop", "suspend", "terminate"] as const;

/** spec argo-events 6.4.2 */
export const argoWorkflowSchema = {
  type: "object",
  description: "An operation on a Workflow of Argo Workflows.",
  required: ["source", "operation"],
  properties: {
    source: { ...artifactSchema, description: "The Workflow, or what names it. The first counts." },
    operation: {
      type: "string",
      description: "What is done; `submit-from` starts a WorkflowTemplate or CronWorkflow. There is no default.",
      enum: operations,
    },
    parameters: resourceParametersSchema,
    args: {
      type: "array",
      description: "Arguments as those of the `argo` command: `-p`, `name=value`.",
      items: { type: "string" },
    },
    server: workflowServerSchema,
  },
} as const satisfies JsonSchema;

type ArgoWorkflowSpec = SpecOf<typeof argoWorkflowSchema>;

export interface ArgoWorkflowPlan {
  readonly operation: (typeof operations)[number];
  /** The Workflow that is made or changed. */
  readonly ref: ObjectRef;
  /** The Workflow that is made. */
  readonly object?: KubeObject;
  readonly args: WorkflowArgs;
  /** What the Argo Server is asked, where there is one. */
  readonly server?: WorkflowServer;
  readonly request?: ServerRequest;
}

/** How often a Workflow that its controller changes at the same time is read again for one change. */
const maxChangeAttempts = 10;

const operationRule: TriggerRule = ({ operation }, path) => {
  const known: readonly string[] = operations;
  if (known.includes(textOf(operation))) return [];
  const message = `unknown operation type ${textOf(operation)}`;
  return [errorAt(`${path}.operation`, message, `one of ${operations.join(", ")}`)];
};

const argsRule: TriggerRule = ({ operation, args }, path) => {
  const known: readonly string[] = operations;
  if (!known.includes(textOf(operation))) return [];
  try {
    parseWorkflowArgs(listOf(args).map(textOf), textOf(operation));
    return [];
  } catch (error) {
    return [warningAt(`${path}.args`, `${messageOf(error).replace(/^argoWorkflow\.args: /, "")}: each event fails`)];
  }
};

/** Does what the `argo` command would do, without it: by the Kubernetes API, or by the Argo Server that is named. */
export const argoWorkflowTrigger: TriggerKind<ArgoWorkflowSpec, ArgoWorkflowPlan> = {
  schema: triggerSchema<ArgoWorkflowSpec>(
    argoWorkflowSchema,
    requires({ source: "argoWorkflow trigger does not contain an absolute action" }),
    operationRule,
    sourceRule,
    argsRule,
  ),
  async plan(spec, firing, context, signal) {
    const path = "argoWorkflow.source";
    const args = parseWorkflowArgs(spec.args ?? [], spec.operation);
    const written = await readArtifact(spec.source, path, context, signal);
    const changed = spec.parameters?.length
      ? context.parameters.apply(written, spec.parameters, "argoWorkflow.parameters")
      : written;
    const source = checkObject(changed, path);
    const namespace = args.namespace ?? source.metadata.namespace ?? firing.sensor.namespace;
    const placed: KubeObject = { ...source, metadata: { ...source.metadata, namespace } };
    const started = await startedBy(spec, placed, { args, context, signal });
    return started
      ? startPlan(spec, { source: placed, started, args }, firing, context)
      : changePlan(spec, placed, args);
  },
  async apply(plan, firing, context, signal) {
    const done = plan.server
      ? await viaServer(plan, plan.server, firing, context, signal)
      : await viaKubernetes(plan, firing, context, signal);
    const policy = firing.policy?.k8s;
    const message = policy ? `${done}; ${await awaitLabels(plan.ref, policy, context, signal)}` : done;
    return { message, objects: [plan.ref] } satisfies Outcome;
  },
  async preview({ ref, object, server, operation, args }, _firing, { kube, clock }, signal) {
    if (server) return { summary: `would ask ${new URL(server.url).origin}` };
    const options = { dryRun: true, fieldManager };
    const live = await kube.get(ref, signal);
    if (object) return objectPreview(ref, live, await kube.create(object, options, signal));
    if (!live) throw new EngineError("API_NOT_FOUND", `argoWorkflow: ${refText(ref)} does not exist`);
    const { workflow } = changed(live, operation, args, now(clock));
    return objectPreview(ref, live, workflow ? await kube.update(workflow, options, signal) : live);
  },
};

interface Planning {
  readonly args: WorkflowArgs;
  readonly context: TriggerContext;
  readonly signal: AbortSignal;
}

/** The Workflow that the operation makes; undefined where it changes one that there is. */
async function startedBy(
  { operation, server }: ArgoWorkflowSpec,
  source: KubeObject,
  { args, context, signal }: Planning,
): Promise<KubeObject | undefined> {
  if (operation === "submit") return submittedWorkflow(source, args);
  if (operation === "submit-from") {
    switch (source.kind.toLowerCase()) {
      case "workflowtemplate":
      case "clusterworkflowtemplate":
        return workflowFromTemplate(named(source), args);
      case "cronworkflow":
        if (server) return workflowFromTemplate(named(source), args); // the server reads it
        return workflowFromCron(await readNamed(source, "CronWorkflow", context, signal), args);
      default:
        throw new TerminalError(
          "MANIFEST_INVALID",
          `argoWorkflow.source: kind "${source.kind}" cannot be submitted from: expected WorkflowTemplate, ClusterWorkflowTemplate or CronWorkflow`,
        );
    }
  }
  // With --memoized the server copies what the old one did, and names the new one.
  if (operation !== "resubmit" || (server && args.memoized)) return undefined;
  const old = server
    ? await readByServer(source, server, context, signal)
    : await readNamed(source, "Workflow", context, signal);
  return resubmittedWorkflow(old, args);
}

async function readByServer(
  source: KubeObject,
  server: WorkflowServer,
  context: TriggerContext,
  signal: AbortSignal,
): Promise<KubeObject> {
  const { apiVersion, metadata } = named(source);
  const { name = "", namespace } = metadata;
  if (context.isOffline) throw new TerminalError("TRIGGER_OFFLINE", `there is no Argo Server to read "${name}" from`);
  const request = readRequest({ name, ...(namespace && { namespace }) });
  const found = await askServer(server, request, context, signal);
  if (found) return { ...found, apiVersion, kind: "Workflow" };
  throw new EngineError("HTTP_FAILED", `argoWorkflow: GET ${request.path} answered 409`);
}

function named(source: KubeObject): KubeObject {
  if (source.metadata.name) return source;
  throw new TerminalError("MANIFEST_INVALID", `argoWorkflow.source: the ${source.kind} must have metadata.name`);
}

async function readNamed(
  source: KubeObject,
  kind: string,
  { kube, isOffline }: TriggerContext,
  signal: AbortSignal,
): Promise<KubeObject> {
  const { apiVersion, metadata } = named(source);
  const { name = "", namespace } = metadata;
  const ref = { apiVersion, kind, name, ...(namespace && { namespace }) };
  if (isOffline) throw new TerminalError("TRIGGER_OFFLINE", `there is no cluster to read ${refText(ref)} from`);
  const live = await kube.get(ref, signal);
  if (live) return live;
  throw new EngineError("API_NOT_FOUND", `argoWorkflow: ${refText(ref)} does not exist`);
}

function startPlan(
  { operation, server }: ArgoWorkflowSpec,
  { source, started, args }: { readonly source: KubeObject; readonly started: KubeObject; readonly args: WorkflowArgs },
  firing: Firing,
  context: TriggerContext,
): ArgoWorkflowPlan {
  const object = withMarks(started, firing, context);
  const { name, namespace = firing.sensor.namespace } = object.metadata;
  if (!name) {
    throw new TerminalError(
      "MANIFEST_INVALID",
      "argoWorkflow.source: the Workflow must have metadata.name or metadata.generateName",
    );
  }
  const ref = { apiVersion: object.apiVersion, kind: "Workflow", name, namespace };
  if (!server) return { operation, ref, object, args };
  const request =
    operation === "submit-from" ? submitRequest(source, ref, args, marksOf(object)) : createRequest(object, namespace);
  return { operation, ref, args, server, request };
}

function marksOf({ metadata: { labels = {}, annotations = {} } }: KubeObject) {
  const ours = Object.entries(labels).filter(([name]) => name.startsWith("events.argoproj.io/"));
  return {
    labels: Object.fromEntries(ours),
    annotations: { [effectAnnotation]: annotations[effectAnnotation] ?? "" },
  };
}

function changePlan({ operation, server }: ArgoWorkflowSpec, source: KubeObject, args: WorkflowArgs): ArgoWorkflowPlan {
  const { apiVersion, metadata } = named(source);
  const { name = "", namespace } = metadata;
  const ref = { apiVersion, kind: "Workflow", name, ...(namespace && { namespace }) };
  return { operation, ref, args, ...(server && { server, request: operationRequest(operation, ref, args) }) };
}

async function viaServer(
  { operation, ref, request }: ArgoWorkflowPlan,
  server: WorkflowServer,
  firing: Firing,
  context: TriggerContext,
  signal: AbortSignal,
): Promise<string> {
  if (!request) throw new TerminalError("TRIGGER_FAILED", "argoWorkflow: there is nothing to ask the Argo Server for");
  const answered = await askServer(server, request, context, signal);
  if (!answered) await checkOwn(ref, server, firing, context, signal);
  const name = answered?.metadata.name ?? ref.name;
  return `${operation} ${refText({ ...ref, name })} by ${new URL(server.url).origin}`;
}

/** One of that name is there: success only if this firing made it. */
async function checkOwn(
  ref: ObjectRef,
  server: WorkflowServer,
  firing: Firing,
  context: TriggerContext,
  signal: AbortSignal,
): Promise<void> {
  const live = await askServer(server, readRequest(ref), context, signal);
  if (live?.metadata.annotations?.[effectAnnotation] === effectHash(firing)) return;
  throw new EngineError("API_CONFLICT", `argoWorkflow: ${refText(ref)} exists already, and another firing made it`);
}

async function viaKubernetes(
  plan: ArgoWorkflowPlan,
  firing: Firing,
  context: TriggerContext,
  signal: AbortSignal,
): Promise<string> {
  const { operation, ref, object } = plan;
  if (object)
    return `${await createOnce({ ref, object }, firing, context.kube, signal)} ${refText(ref)} (${operation})`;
  for (let attempt = 1; ; attempt++) {
    try {
      return `${await changeOnce(plan, firing, context, signal)} ${refText(ref)}`;
    } catch (error) {
      const isConflict = error instanceof EngineError && error.code === "API_CONFLICT";
      if (!isConflict || attempt === maxChangeAttempts) throw error;
    }
  }
}

async function changeOnce(
  { operation, ref, args }: ArgoWorkflowPlan,
  firing: Firing,
  { kube, clock }: TriggerContext,
  signal: AbortSignal,
): Promise<string> {
  const live = await kube.get(ref, signal);
  if (!live) throw new EngineError("API_NOT_FOUND", `argoWorkflow: ${refText(ref)} does not exist`);
  const mark = `${operation}-${effectHash(firing)}`;
  if (live.metadata.annotations?.[effectAnnotation] === mark) return `${operation}: had already been done to`;
  const { workflow, pods = [] } = changed(live, operation, args, now(clock));
  if (!workflow) return `${operation}: nothing to do at`;
  for (const name of pods) {
    await kube.delete({ apiVersion: "v1", kind: "Pod", name, ...namespaceOf(ref) }, {}, signal);
  }
  const annotations = { ...workflow.metadata.annotations, [effectAnnotation]: mark };
  await kube.update({ ...workflow, metadata: { ...workflow.metadata, annotations } }, { fieldManager }, signal);
  return `${operation}: changed`;
}

/** Kubernetes' times have no fractions. */
function now(clock: Clock): string {
  return isoTime(clock.now()).replace(/\.\d+/, "");
}

function namespaceOf({ namespace }: ObjectRef): { readonly namespace?: string } {
  return namespace ? { namespace } : {};
}

function changed(
  live: KubeObject,
  operation: ArgoWorkflowPlan["operation"],
  args: WorkflowArgs,
  now: string,
): { readonly workflow?: KubeObject | undefined; readonly pods?: readonly string[] } {
  switch (operation) {
    case "suspend":
      return { workflow: suspendedWorkflow(live) };
    case "resume":
      return { workflow: resumedWorkflow(live, args, now) };
    case "stop":
      return { workflow: shutDownWorkflow(live, "Stop", args, now) };
    case "terminate":
      return { workflow: shutDownWorkflow(live, "Terminate", args, now) };
    case "retry":
      return retriedWorkflow(live, args, now);
    default:
      throw new TerminalError("TRIGGER_FAILED", `argoWorkflow: ${operation} changes no Workflow that there is`);
  }
}
