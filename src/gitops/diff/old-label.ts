import type { KubeObject, ObjectMeta } from "../../objects/object.ts";
import { groupOf } from "./diff.ts";
import { trackingAnnotation } from "./tracking.ts";

/**
 * Both sides as they are after a switch from tracking by label to tracking by annotation (spec argo-cd-engine 3.4 A): a live
 * object with the label, whose annotation is still missing, is not out of sync for that alone. An annotation of another
 * Application stays a difference.
 */
export function withoutOldLabel(
  target: KubeObject,
  live: KubeObject,
  tracking: { readonly method: string; readonly label: string } | undefined,
): readonly [KubeObject, KubeObject] {
  if (tracking === undefined || tracking.method === "label") return [target, live];
  const { labels = {}, annotations = {} } = live.metadata;
  if (labels[tracking.label] === undefined || groupOf(live) === "apiextensions.k8s.io") return [target, live];
  const id = target.metadata.annotations?.[trackingAnnotation];
  const isUnmarked = annotations[trackingAnnotation] === undefined && id !== undefined;
  const keepsLabel = target.metadata.labels?.[tracking.label] !== undefined;
  const metadata: ObjectMeta = {
    ...live.metadata,
    ...(isUnmarked ? { annotations: { ...annotations, [trackingAnnotation]: id } } : {}),
    ...(keepsLabel ? {} : { labels: without(labels, tracking.label) }),
  };
  return [target, { ...live, metadata }];
}

function without(labels: Readonly<Record<string, string>>, name: string): Readonly<Record<string, string>> {
  const { [name]: _label, ...rest } = labels;
  return rest;
}
