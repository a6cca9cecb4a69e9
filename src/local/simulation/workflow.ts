import type { JsonObject } from "../../base/json.ts";
import type { ObjectKey } from "../stored-object.ts";
import { type Cluster, isDeleted, metaOf, objectOf, specOf, statusOf } from "./cluster.ts";
import { withConditions } from "./conditions.ts";
import { readWishes } from "./wishes.ts";

const phaseLabel = "workflows.argoproj.io/phase";
const completedLabel = "workflows.argoproj.io/completed";
const ended = ["Succeeded", "Failed", "Error"];

const columns: Readonly<Record<string, readonly JsonObject[]>> = {
  Workflow: [
    { name: "Status", type: "string", jsonPath: ".status.phase", description: "Status of the workflow" },
    { name: "Age", type: "date", jsonPath: ".status.startedAt", description: "When the workflow was started" },
    { name: "Message", type: "string", jsonPath: ".status.message", description: "Why it is in that status" },
  ],
};

/** The kinds of Argo Workflows, without a schema: what is in them is theirs. */
export const workflowDefinitions: readonly JsonObject[] = [
  definition("Workflow", "workflows", ["wf"], "Namespaced"),
  definition("WorkflowTemplate", "workflowtemplates", ["wftmpl"], "Namespaced"),
  definition("ClusterWorkflowTemplate", "clusterworkflowtemplates", ["clusterwftmpl", "cwft"], "Cluster"),
  definition("CronWorkflow", "cronworkflows", ["cwf", "cronwf"], "Namespaced"),
];

function definition(kind: string, plural: string, shortNames: readonly string[], scope: string): JsonObject {
  const schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.argoproj.io`, annotations: { "tiphys.io/simulated": "true" } },
    spec: {
      group: "argoproj.io",
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames },
      versions: [
        {
          name: "v1alpha1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          ...(columns[kind] === undefined ? {} : { additionalPrinterColumns: columns[kind] }),
        },
      ],
    },
  };
}

/** The phases of a Workflow, as its annotations say; no step of it runs. */
export async function reconcileWorkflow(cluster: Cluster, key: ObjectKey): Promise<{ againAfterMs?: number }> {
  const workflow = cluster.read(key);
  if (workflow === undefined || isDeleted(workflow)) return {};
  const status = statusOf(workflow);
  if (ended.includes(String(status.phase))) return {};
  const { suspend, shutdown } = specOf(workflow);
  const wishes = readWishes(workflow);
  const isShut = shutdown === "Stop" || shutdown === "Terminate";
  const leftMs = Date.parse(String(metaOf(workflow).creationTimestamp)) + wishes.afterMs - cluster.now();
  const waits = !isShut && (suspend === true || wishes.outcome === "hang" || leftMs > 0);
  const phase = waits ? "Running" : isShut || wishes.outcome === "fail" ? "Failed" : "Succeeded";
  const message = isShut ? `Stopped with strategy '${String(shutdown)}'` : wishes.message;
  await writePhase(cluster, key, phase, message);
  return waits && leftMs > 0 ? { againAfterMs: leftMs } : {};
}

async function writePhase(cluster: Cluster, key: ObjectKey, phase: string, message: string | undefined): Promise<void> {
  const now = cluster.nowText();
  const isOver = phase !== "Running";
  await cluster.change(key, (old) => {
    const status = statusOf(old);
    const updates = isOver ? ([{ type: "Completed", status: "True" }] as const) : [];
    const conditions = withConditions(status, updates, now);
    return {
      ...old,
      metadata: {
        ...metaOf(old),
        labels: {
          ...objectOf(metaOf(old).labels),
          [phaseLabel]: phase,
          ...(isOver ? { [completedLabel]: "true" } : {}),
        },
      },
      status: {
        ...status,
        phase,
        startedAt: status.startedAt ?? now,
        finishedAt: isOver ? now : null,
        progress: isOver && phase === "Succeeded" ? "1/1" : "0/1",
        ...(message === undefined ? {} : { message }),
        ...(conditions.length === 0 ? {} : { conditions }),
      },
    };
  });
}
