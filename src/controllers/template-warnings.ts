import { objectOf, warningAt } from "../api/fields.ts";
import { podTemplateSchema } from "../api/shared-schemas.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import type { KubeObject } from "../objects/object.ts";

/** The annotation, ours, that asks for a Pod. */
export const isolateAnnotation = "tiphys.io/isolate";

/** Those that have an effect without a Pod, and those that have none in the original either and are told of elsewhere. */
const others = new Set(["serviceAccountName", "imagePullPolicy"]);

/** Why there is no Pod. */
export const standsAlone = "standing alone there are no Pods";
export const runsInside = "it runs inside the engine, in no Pod of its own";

/**
 * What an EventSource or Sensor says of a Pod of its own, which it does not have: it runs inside this engine, `why` says
 * the reason. Unknown fields are told of by the parser.
 */
export function templateWarnings(object: KubeObject, why: string): Problem[] {
  const message = `has no effect: ${why}`;
  const spec = objectOf(object.spec as JsonValue | undefined);
  const { container, ...template } = objectOf(spec.template);
  const { container: containerFields, ...templateFields } = podTemplateSchema.properties;
  const paths = [
    ...given(template, templateFields, "spec.template"),
    ...given(container, containerFields.properties, "spec.template.container"),
    ...(typeof spec.replicas === "number" && spec.replicas > 1 ? ["spec.replicas"] : []),
    ...(object.metadata.annotations?.[isolateAnnotation] === "true"
      ? [`metadata.annotations[${isolateAnnotation}]`]
      : []),
  ];
  return paths.map((path) => warningAt(path, message));
}

/** The paths of known fields that say something. */
function given(value: JsonValue | undefined, known: object, path: string): string[] {
  return Object.entries(objectOf(value))
    .filter(([name, field]) => Object.hasOwn(known, name) && !others.has(name) && !isEmptyValue(field))
    .map(([name]) => `${path}.${name}`);
}

export function isEmptyValue(value: JsonValue | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isJsonObject(value)) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === "";
}
