import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { WorkflowArgs } from "./workflow-args.ts";

/** New Workflows as the `argo` command makes them (spec argo-events 6.4.2); pure. */

const prefix = "workflows.argoproj.io/";
const workflowKind = "Workflow";

/** `submit`: the Workflow of the source with what the arguments say. */
export function submittedWorkflow(source: KubeObject, args: WorkflowArgs): KubeObject {
  return withArgs(source, args);
}

/** `submit-from`: a Workflow that refers to a template. */
export function workflowFromTemplate(template: KubeObject, args: WorkflowArgs): KubeObject {
  const { apiVersion, kind, metadata } = template;
  const name = metadata.name ?? "";
  const isClusterWide = kind.toLowerCase() === "clusterworkflowtemplate";
  const label = isClusterWide ? "cluster-workflow-template" : "workflow-template";
  const workflow: KubeObject = {
    apiVersion,
    kind: workflowKind,
    metadata: {
      generateName: `${name}-`,
      ...(metadata.namespace && { namespace: metadata.namespace }),
      labels: { [prefix + label]: name },
    },
    spec: { workflowTemplateRef: { name, ...(isClusterWide && { clusterScope: true }) } },
  };
  return withArgs(workflow, args);
}

/** `submit-from`: what a CronWorkflow of the cluster would start now; it owns the Workflow. */
export function workflowFromCron(cron: KubeObject, args: WorkflowArgs): KubeObject {
  const { apiVersion, kind, metadata } = cron;
  const { name = "", namespace, uid } = metadata;
  const { workflowSpec, workflowMetadata } = objectOf(cron.spec as JsonValue);
  const own = objectOf(workflowMetadata);
  const workflow: KubeObject = {
    apiVersion,
    kind: workflowKind,
    metadata: {
      generateName: `${name}-`,
      ...(namespace && { namespace }),
      labels: { ...textsOf(own.labels), [`${prefix}cron-workflow`]: name },
      ...(isJsonObject(own.annotations) && { annotations: textsOf(own.annotations) }),
      ...(uid && {
        ownerReferences: [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }],
      }),
    },
    spec: objectOf(workflowSpec),
  };
  return withArgs(workflow, args);
}

/** What a run left behind, and a new one must not begin with. */
const notCarriedOver = new Set(
  ["creator", "creator-email", "creator-preferred-username", "phase", "completed", "workflow-archiving-status"].map(
    (name) => prefix + name,
  ),
);

/** `resubmit`: the Workflow once more, under a name of its own. */
export function resubmittedWorkflow(old: KubeObject, args: WorkflowArgs): KubeObject {
  if (args.memoized) {
    throw new TerminalError(
      "TRIGGER_UNSUPPORTED",
      "argoWorkflow.args: --memoized needs an Argo Server: set argoWorkflow.server",
    );
  }
  const { apiVersion, kind, metadata } = old;
  const labels = Object.entries(metadata.labels ?? {}).filter(([name]) => !notCarriedOver.has(name));
  const { shutdown: _, activeDeadlineSeconds, ...spec } = objectOf(old.spec as JsonValue);
  const workflow: KubeObject = {
    apiVersion,
    kind,
    metadata: {
      generateName: metadata.generateName || `${metadata.name}-`,
      ...(metadata.namespace && { namespace: metadata.namespace }),
      labels: { ...Object.fromEntries(labels), [`${prefix}resubmitted-from-workflow`]: metadata.name ?? "" },
      ...(metadata.annotations && { annotations: userAnnotations(metadata.annotations) }),
      ...(metadata.ownerReferences && { ownerReferences: metadata.ownerReferences }),
    },
    spec: {
      ...spec,
      ...(activeDeadlineSeconds !== undefined && activeDeadlineSeconds !== 0 && { activeDeadlineSeconds }),
    },
  };
  return withArgs(workflow, args);
}

/** Ours name the effect that made the old one. */
function userAnnotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter(
      ([name]) => !name.startsWith("tiphys.io/") && name !== "kubectl.kubernetes.io/last-applied-configuration",
    ),
  );
}

function withArgs(workflow: KubeObject, args: WorkflowArgs): KubeObject {
  const { generateName, name, ...metadata } = workflow.metadata;
  const spec = objectOf(workflow.spec as JsonValue);
  return {
    ...workflow,
    metadata: {
      ...metadata,
      ...namesOf({ name, generateName }, args),
      ...(Object.keys(args.labels).length > 0 && { labels: { ...metadata.labels, ...args.labels } }),
      ...(Object.keys(args.annotations).length > 0 && {
        annotations: { ...metadata.annotations, ...args.annotations },
      }),
    },
    spec: {
      ...spec,
      ...(args.entrypoint !== undefined && { entrypoint: args.entrypoint }),
      ...(args.serviceAccount !== undefined && { serviceAccountName: args.serviceAccount }),
      ...(args.priority !== undefined && { priority: args.priority }),
      ...(args.parameters.length > 0 && { arguments: withParameters(objectOf(spec.arguments), args.parameters) }),
    },
  };
}

/** `--generate-name` counts only where no name is set, as for the API; `--name` wins over everything. */
function namesOf(
  { name, generateName }: { readonly name?: string | undefined; readonly generateName?: string | undefined },
  args: WorkflowArgs,
): { readonly name?: string; readonly generateName?: string } {
  const wanted = args.name ?? name;
  if (wanted) return { name: wanted };
  const prefix = args.generateName ?? generateName;
  return prefix ? { generateName: prefix } : {};
}

/** Each replaces the one of its name; others are added behind. */
export function withParameters(written: JsonObject, parameters: WorkflowArgs["parameters"]): JsonObject {
  const list: JsonValue[] = [...listOf(written.parameters)];
  for (const { name, value } of parameters) {
    const at = list.findIndex((one) => objectOf(one).name === name);
    if (at < 0) list.push({ name, value });
    else list[at] = { ...withoutSource(objectOf(list[at])), value };
  }
  return { ...written, parameters: list };
}

function withoutSource({ valueFrom: _, ...parameter }: JsonObject): JsonObject {
  return parameter;
}

function textsOf(value: JsonValue | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([name, text]) => [name, textOf(text)]));
}
