import type { KubeClient } from "../../src/kube/kube.ts";

const kinds = [
  ["Workflow", "workflows", "Namespaced"],
  ["WorkflowTemplate", "workflowtemplates", "Namespaced"],
  ["ClusterWorkflowTemplate", "clusterworkflowtemplates", "Cluster"],
  ["CronWorkflow", "cronworkflows", "Namespaced"],
] as const;

/** The kinds of Argo Workflows, without schemas and, as there, without a status subresource. */
export const workflowKinds = kinds.map(([kind, plural, scope]) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.argoproj.io` },
  spec: {
    group: "argoproj.io",
    scope,
    names: { plural, singular: kind.toLowerCase(), kind },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
}));

/** Those that are there stay. */
export async function addWorkflowKinds(kube: KubeClient): Promise<void> {
  for (const definition of workflowKinds) {
    const { apiVersion, kind, metadata } = definition;
    if (!(await kube.get({ apiVersion, kind, name: metadata.name }))) await kube.create(definition);
  }
}
