import type { JsonSchema } from "../base/schema.ts";

// The parts that schemas are made of. Their types are literals, from which `SpecOf` makes the types of specs.

/** An object whose fields are not ours to check. */
export function openObject(description: string) {
  return { type: "object", description, "x-kubernetes-preserve-unknown-fields": true } as const satisfies JsonSchema;
}

/** Any value at all. */
export function anyValue(description: string) {
  return { description, "x-kubernetes-preserve-unknown-fields": true } as const satisfies JsonSchema;
}

export function textField(description: string) {
  return { type: "string", description } as const satisfies JsonSchema;
}

/** A text that must not be empty: Go does not tell a missing one from an empty one. */
export function requiredText(description: string) {
  return { type: "string", minLength: 1, description } as const satisfies JsonSchema;
}

export function flagField(description: string, preset = false) {
  return { type: "boolean", description, default: preset } as const satisfies JsonSchema;
}

export function integerField(description: string) {
  return { type: "integer", description } as const satisfies JsonSchema;
}

export function textList(description: string) {
  return { type: "array", description, items: { type: "string" } } as const satisfies JsonSchema;
}

export function listField<const Items extends JsonSchema>(description: string, items: Items) {
  return { type: "array", description, items } as const satisfies JsonSchema;
}

export function textMap(description: string) {
  return { type: "object", description, additionalProperties: { type: "string" } } as const satisfies JsonSchema;
}

export const replicasField = {
  type: "integer",
  description: "Kept for the original; here replicas are those of the engine.",
} as const satisfies JsonSchema;

export const eventBusNameField = {
  type: "string",
  description: "The EventBus in the same namespace.",
  default: "default",
} as const satisfies JsonSchema;

/** `spec.template.container` (spec argo-events 2.3): no image, command or probes. */
const containerSchema = {
  type: "object",
  description: "The container of the Pod.",
  properties: {
    resources: openObject("Resources, merged over those that are set."),
    imagePullPolicy: textField("Has no effect, in Argo Events neither."),
    securityContext: openObject("Security of the container."),
    volumeMounts: listField("Mounts, beside those that are set.", openObject("A mount.")),
    env: listField("Environment variables.", openObject("A variable.")),
    envFrom: listField("Where more environment variables come from.", openObject("A ConfigMap or Secret.")),
  },
} as const satisfies JsonSchema;

/** spec argo-events 2.3 */
export const podTemplateSchema = {
  type: "object",
  description: "How the Pod looks, where there is one of its own.",
  properties: {
    metadata: {
      type: "object",
      description: "Labels and annotations of the Pod.",
      properties: { labels: textMap("Labels."), annotations: textMap("Annotations.") },
    },
    serviceAccountName: textField("The account it acts as in the cluster; `default` when not given."),
    container: containerSchema,
    volumes: listField("Volumes of the Pod.", openObject("A volume.")),
    securityContext: openObject("Security of the Pod."),
    nodeSelector: textMap("Labels that a node must have."),
    tolerations: listField("Taints that are tolerated.", openObject("A toleration.")),
    imagePullSecrets: listField("Secrets for pulling the image.", openObject("A reference.")),
    priorityClassName: textField("Priority class of the Pod."),
    priority: { type: "integer", description: "Priority of the Pod." },
    affinity: openObject("Affinity of the Pod."),
  },
} as const satisfies JsonSchema;

/** spec argo-events 1.2: bad values are found when used, as in the original. */
export const backoffSchema = {
  type: "object",
  description: "How often something is tried, and how long is waited in between.",
  properties: {
    duration: {
      description: "The first delay: integer nanoseconds or a Go duration. Default 1s.",
      "x-kubernetes-int-or-string": true,
    },
    factor: anyValue("What each delay is multiplied with for the next. Default 1."),
    jitter: anyValue("A share of the delay that is added at random. Default 1."),
    steps: { type: "integer", description: "Attempts in all. Default 5." },
  },
} as const satisfies JsonSchema;

/** spec argo-events 2.5, 6.3 */
export const parameterSchema = {
  type: "object",
  description: "Sets a part of the trigger from the event.",
  properties: {
    src: {
      type: "object",
      description: "Where the value comes from.",
      properties: {
        dependencyName: textField("The dependency whose event is read."),
        contextKey: textField("A path into the event's context."),
        contextTemplate: textField("A Go template over the event's context, as .Input; now is the event's time."),
        dataKey: textField("A path into the event's data."),
        dataTemplate: textField("A Go template over the event's data, as .Input; now is the event's time."),
        value: textField("What is taken when nothing else gives a value."),
        useRawData: {
          type: "boolean",
          description:
            "Numbers, booleans and objects of contextKey and dataKey keep their type; else all becomes text.",
          default: false,
        },
      },
    },
    dest: textField("Where the value goes (SJSON path)."),
    operation: textField("overwrite (the default), append or prepend."),
  },
} as const satisfies JsonSchema;
