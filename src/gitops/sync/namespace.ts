import { syncOptionsAnnotation } from "../../api/resource-annotations.ts";
import type { KubeObject } from "../../objects/object.ts";

export interface NamespaceMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * The destination's namespace as CreateNamespace makes it, without tracking (spec argo-cd-engine 4.10). With metadata by
 * server-side apply even where the Application says otherwise: labels of others stay, removed ones are let go.
 */
export function namespaceTarget(name: string, metadata: NamespaceMetadata | undefined): KubeObject {
  const type = { apiVersion: "v1", kind: "Namespace" };
  if (metadata === undefined) return { ...type, metadata: { name } };
  const annotations = { ...metadata.annotations, [syncOptionsAnnotation]: "ServerSideApply=true" };
  return { ...type, metadata: { name, labels: metadata.labels, annotations } };
}
