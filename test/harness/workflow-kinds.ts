import type { KubeClient } from "../../src/kube/kube.ts";

const kinds = [
  ["Workflow", "workflows", "Namespaced"],
  ["WorkflowTemplate", "workflowtemplates", "Namespaced"],
  ["ClusterWorkflowTemplate", "clusterworkflowtemplates", "Cluster"],
  ["CronWorkflow", "cronworkflows", "Namespaced"],
] as const;

/** The kinds of Argo Workflows, without schemas and, as there, without a status subresource. Those that are there stay. */
export async function addWorkflowKinds(kube: KubeClient): Promise<void> {
  for (const [kind, plural, scope] of kinds) {
    const name = `${plural}.argoproj.io`;
    const ref = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
    if (await kube.get({ ...ref, name })) continue;
    await kube.create({
      ...ref,
      metadata: { name },
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
    });
  }
}
