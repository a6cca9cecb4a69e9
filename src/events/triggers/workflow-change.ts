import { gunzipSync, gzipSync } from "node:zlib";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { WorkflowArgs } from "./workflow-args.ts";
import { withParameters } from "./workflow-start.ts";

/**
 * Workflows of the cluster as the `argo` command changes them (spec argo-events 6.4.2); pure, `now` in RFC 3339. Undefined:
 * there is nothing to change. @throws TerminalError TRIGGER_FAILED where the Workflow's state does not allow it
 */

const prefix = "workflows.argoproj.io/";
type Nodes = Readonly<Record<string, JsonObject>>;

export function suspendedWorkflow(workflow: KubeObject): KubeObject | undefined {
  refuseCompleted(workflow, "suspend");
  const spec = objectOf(workflow.spec as JsonValue);
  return spec.suspend === true ? undefined : { ...workflow, spec: { ...spec, suspend: true } };
}

/** Also the suspend steps that it waits at count as done. */
export function resumedWorkflow(workflow: KubeObject, args: WorkflowArgs, now: string): KubeObject | undefined {
  const { suspend, ...spec } = objectOf(workflow.spec as JsonValue);
  const selects = selectorOf(args.nodeFieldSelector);
  const ended = endSuspended(nodesOf(workflow), selects, (node) => ({
    ...node,
    ...resumedOutputs(node),
    phase: "Succeeded",
    finishedAt: now,
    ...(args.message !== undefined && { message: args.message }),
  }));
  const clears = suspend === true && args.nodeFieldSelector === undefined;
  if (!clears && !ended) return undefined;
  const resumed = clears ? { ...workflow, spec } : workflow;
  return ended ? withNodes(resumed, ended) : resumed;
}

/** Stop still runs exit handlers, Terminate does not. With a node selector only the suspend steps it names fail. */
export function shutDownWorkflow(
  workflow: KubeObject,
  shutdown: "Stop" | "Terminate",
  args: WorkflowArgs,
  now: string,
): KubeObject | undefined {
  refuseCompleted(workflow, shutdown === "Stop" ? "stop" : "terminate");
  if (args.nodeFieldSelector !== undefined) {
    const ended = endSuspended(nodesOf(workflow), selectorOf(args.nodeFieldSelector), (node) => ({
      ...node,
      phase: "Failed",
      finishedAt: now,
      ...(args.message !== undefined && { message: args.message }),
    }));
    return ended && withNodes(workflow, ended);
  }
  const spec = objectOf(workflow.spec as JsonValue);
  return spec.shutdown === shutdown ? undefined : { ...workflow, spec: { ...spec, shutdown } };
}

/** A Workflow that failed, without the nodes that did, and the Pods of those, which must go. */
export interface RetriedWorkflow {
  readonly workflow: KubeObject;
  readonly pods: readonly string[];
}

const groups = new Set(["DAG", "Steps", "StepGroup", "TaskGroup"]);

/** What succeeded is kept, what failed runs again, and the groups around it go on. */
export function retriedWorkflow(workflow: KubeObject, args: WorkflowArgs, now: string): RetriedWorkflow {
  const { name = "" } = workflow.metadata;
  const status = objectOf(workflow.status as JsonValue);
  const phase = textOf(status.phase);
  if (phase !== "Failed" && phase !== "Error") {
    throw failed(`workflow must be Failed/Error to retry: ${name} is ${phase || "not started"}`);
  }
  if (args.restartSuccessful) {
    throw new TerminalError(
      "TRIGGER_UNSUPPORTED",
      "argoWorkflow.args: --restart-successful needs an Argo Server: set argoWorkflow.server",
    );
  }
  const nodes = nodesOf(workflow);
  const kept: Record<string, JsonObject> = {};
  const gone: JsonObject[] = [];
  for (const [id, node] of Object.entries(nodes)) {
    const after = retriedNode(node, { exit: `${name}.onExit`, root: name, now });
    if (after) kept[id] = after;
    else gone.push(node);
  }
  const removed = new Set(gone.map((node) => textOf(node.id)));
  for (const [id, node] of Object.entries(kept)) kept[id] = withoutReferences(node, removed);
  const retried = withNodes(restartedWorkflow(workflow, args, now), kept);
  return { workflow: retried, pods: gone.filter(({ type }) => type === "Pod").map((node) => podName(workflow, node)) };
}

/** Undefined for a node that must go. */
function retriedNode(
  node: JsonObject,
  { exit, root, now }: { readonly exit: string; readonly root: string; readonly now: string },
): JsonObject | undefined {
  const name = textOf(node.name);
  const isOfExit = name.startsWith(exit);
  switch (node.phase) {
    case "Succeeded":
    case "Skipped":
      return isOfExit ? undefined : node;
    case "Failed":
    case "Error":
    case "Omitted": {
      if (isOfExit || !(groups.has(textOf(node.type)) || name === root) || textOf(node.type) === "Pod")
        return undefined;
      const { finishedAt: _, message: __, ...rest } = node;
      return { ...rest, phase: "Running", startedAt: now };
    }
    default:
      throw failed(`the Workflow cannot be retried: its node ${name} is ${textOf(node.phase)}`);
  }
}

function withoutReferences(node: JsonObject, removed: ReadonlySet<string>): JsonObject {
  const left = (field: "children" | "outboundNodes"): JsonObject => {
    if (!Array.isArray(node[field])) return {};
    return { [field]: listOf(node[field]).filter((id) => !removed.has(textOf(id))) };
  };
  return { ...node, ...left("children"), ...left("outboundNodes") };
}

function restartedWorkflow(workflow: KubeObject, args: WorkflowArgs, now: string): KubeObject {
  const { [`${prefix}completed`]: _, ...labels } = workflow.metadata.labels ?? {};
  const { shutdown: __, activeDeadlineSeconds, ...spec } = objectOf(workflow.spec as JsonValue);
  const {
    finishedAt: ___,
    message: ____,
    persistentVolumeClaims: _____,
    ...status
  } = objectOf(workflow.status as JsonValue);
  const deadline = activeDeadlineSeconds !== undefined && activeDeadlineSeconds !== 0 && { activeDeadlineSeconds };
  const given = args.parameters.length > 0 && { arguments: withParameters(objectOf(spec.arguments), args.parameters) };
  return {
    ...workflow,
    metadata: { ...workflow.metadata, labels: { ...labels, [`${prefix}phase`]: "Running" } },
    spec: { ...spec, ...deadline, ...given },
    status: { ...status, phase: "Running", startedAt: now },
  };
}

const maxPodPrefix = 253 - 10 - 1;

/** As Argo Workflows names Pods: the hash at the end is that of the node's id. */
function podName({ metadata }: KubeObject, node: JsonObject): string {
  const { name = "", annotations } = metadata;
  const id = textOf(node.id);
  if (annotations?.[`${prefix}pod-name-format`] === "v1" || node.name === name) return id;
  const template = textOf(node.templateName) || textOf(objectOf(node.templateRef).template);
  const front = textOf(node.name).includes(".inline") || template === "" ? name : `${name}-${template}`;
  return `${front.slice(0, maxPodPrefix)}-${id.slice(id.lastIndexOf("-") + 1)}`;
}

function refuseCompleted({ metadata }: KubeObject, operation: string): void {
  if (metadata.labels?.[`${prefix}completed`] !== "true") return;
  throw failed(`cannot ${operation} a completed Workflow: ${metadata.name}`);
}

/** The nodes with those changed that wait at a suspend step; undefined when there are none. */
function endSuspended(
  nodes: Nodes,
  selects: (node: JsonObject) => boolean,
  change: (node: JsonObject) => JsonObject,
): Nodes | undefined {
  const waiting = Object.entries(nodes).filter(
    ([, node]) => node.type === "Suspend" && node.phase === "Running" && selects(node),
  );
  if (waiting.length === 0) return undefined;
  return { ...nodes, ...Object.fromEntries(waiting.map(([id, node]) => [id, change(node)])) };
}

/** Outputs that somebody should have supplied get their defaults. */
function resumedOutputs(node: JsonObject): JsonObject {
  const outputs = objectOf(node.outputs);
  if (!Array.isArray(outputs.parameters)) return {};
  const parameters = listOf(outputs.parameters).map((one) => {
    const { valueFrom, ...parameter } = objectOf(one);
    const from = objectOf(valueFrom);
    if (from.supplied === undefined) return one;
    if (from.default === undefined) {
      throw failed(`output parameter '${textOf(parameter.name)}' has not been set and does not have a default value`);
    }
    return { ...parameter, value: from.default };
  });
  return { outputs: { ...outputs, parameters } };
}

/** `displayName=approve,phase=Running`: all have to hold. Without one every node is meant. */
function selectorOf(selector: string | undefined): (node: JsonObject) => boolean {
  const wanted = (selector ?? "").split(",").filter((part) => part.trim() !== "");
  const checks = wanted.map((part) => {
    const match = /^\s*([^!=\s]+)\s*(!=|==|=)\s*(.*?)\s*$/.exec(part);
    if (!match)
      throw new TerminalError(
        "MANIFEST_INVALID",
        `argoWorkflow.args: --node-field-selector "${part}" must be field=value`,
      );
    const [, field = "", operator, value = ""] = match;
    return (node: JsonObject): boolean => (fieldOf(node, field) === value) === (operator !== "!=");
  });
  return (node) => checks.every((check) => check(node));
}

function fieldOf(node: JsonObject, field: string): string {
  const parameter = /^inputs\.parameters\.(.+)\.value$/.exec(field)?.[1];
  if (parameter === undefined)
    return textOf(field.startsWith("templateRef.") ? objectOf(node.templateRef)[field.slice(12)] : node[field]);
  const found = listOf(objectOf(node.inputs).parameters).find((one) => objectOf(one).name === parameter);
  return textOf(objectOf(found).value);
}

/** Large Workflows keep their nodes compressed; the largest outside of the cluster. */
function nodesOf({ status, metadata }: KubeObject): Nodes {
  const { nodes, compressedNodes, offloadNodeStatusVersion } = objectOf(status as JsonValue);
  if (textOf(offloadNodeStatusVersion) !== "") {
    throw new TerminalError(
      "TRIGGER_UNSUPPORTED",
      `argoWorkflow: the nodes of ${metadata.name} are in a database: set argoWorkflow.server`,
    );
  }
  const found = textOf(compressedNodes) === "" ? nodes : parseJson(unpack(textOf(compressedNodes)));
  const entries = Object.entries(objectOf(found)).filter((entry): entry is [string, JsonObject] =>
    isJsonObject(entry[1]),
  );
  return Object.fromEntries(entries);
}

const maxNodesBytes = 64 * 1024 * 1024;

function unpack(packed: string): string {
  return gunzipSync(Buffer.from(packed, "base64"), { maxOutputLength: maxNodesBytes }).toString("utf8");
}

function withNodes(workflow: KubeObject, nodes: Nodes): KubeObject {
  const status = objectOf(workflow.status as JsonValue);
  const isPacked = textOf(status.compressedNodes) !== "";
  const kept = isPacked ? { compressedNodes: gzipSync(JSON.stringify(nodes)).toString("base64") } : { nodes };
  return { ...workflow, status: { ...status, ...kept } };
}

function failed(message: string): TerminalError {
  return new TerminalError("TRIGGER_FAILED", `argoWorkflow: ${message}`);
}
