import { appProjectSchema, appProjectStatusSchema } from "../api/app-project-schema.ts";
import { applicationSchema, operationSchema } from "../api/application-schema.ts";
import { applicationSetSchema, applicationSetStatusSchema } from "../api/application-set/application-set-schema.ts";
import { applicationStatusSchema } from "../api/application-status-schema.ts";
import { eventBusSchema, eventBusStatusSchema } from "../api/event-bus-schema.ts";
import { eventSourceSchema, eventSourceStatusSchema } from "../api/event-source.ts";
import { sensorSchema, sensorStatusSchema } from "../api/sensor-schema.ts";
import type { JsonSchema } from "../base/schema.ts";
import { formatYaml } from "../base/yaml.ts";
import type { AdmissionKinds } from "./admission.ts";

export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

interface KindNames {
  readonly kind: string;
  readonly plural: string;
  readonly short: readonly string[];
  /** Printed by `kubectl get` beside NAME and AGE. */
  readonly columns: readonly object[];
  /** Top fields beside `spec` and `status`. */
  readonly more?: Readonly<Record<string, JsonSchema>>;
  /** Whether `status` is written apart; the original's Application has it in the object itself. */
  readonly hasStatusSubresource: boolean;
}

const group = "argoproj.io";

const ready = (condition: string) => ({
  name: "Deployed",
  type: "string",
  description: "Whether it runs.",
  jsonPath: `.status.conditions[?(@.type=="${condition}")].status`,
});

const names: Readonly<Record<"eventSource" | "sensor" | "eventBus", KindNames>> = {
  eventSource: {
    kind: "EventSource",
    plural: "eventsources",
    short: ["es"],
    columns: [ready("Deployed")],
    hasStatusSubresource: true,
  },
  sensor: {
    kind: "Sensor",
    plural: "sensors",
    short: ["sn"],
    columns: [ready("Deployed")],
    hasStatusSubresource: true,
  },
  eventBus: {
    kind: "EventBus",
    plural: "eventbus",
    short: ["eb"],
    columns: [ready("Deployed")],
    hasStatusSubresource: true,
  },
};

const column = (name: string, jsonPath: string, priority = 0) => ({
  name,
  type: "string",
  jsonPath,
  ...(priority > 0 ? { priority } : {}),
});

const gitOpsNames: Readonly<Record<"application" | "applicationSet" | "appProject", KindNames>> = {
  application: {
    kind: "Application",
    plural: "applications",
    short: ["app", "apps"],
    columns: [
      column("Sync Status", ".status.sync.status"),
      column("Health Status", ".status.health.status"),
      column("Revision", ".status.sync.revision", 10),
      column("Project", ".spec.project", 10),
    ],
    more: { operation: operationSchema },
    hasStatusSubresource: false,
  },
  applicationSet: {
    kind: "ApplicationSet",
    plural: "applicationsets",
    short: ["appset", "appsets"],
    columns: [],
    hasStatusSubresource: true,
  },
  appProject: {
    kind: "AppProject",
    plural: "appprojects",
    short: ["appproj", "appprojs"],
    columns: [],
    hasStatusSubresource: false,
  },
};

/** The CRDs of the reconcile flow, made as those of the event flow (spec argo-cd-engine 1). */
export function gitOpsCrds(): readonly CustomResourceDefinition[] {
  return [
    crd(gitOpsNames.application, applicationSchema, applicationStatusSchema),
    crd(gitOpsNames.applicationSet, applicationSetSchema, applicationSetStatusSchema),
    crd(gitOpsNames.appProject, appProjectSchema, appProjectStatusSchema),
  ];
}

/**
 * The CRDs of the event flow: supersets of the originals' (spec argo-events 1.1, 2.1). They describe the fields for
 * `kubectl explain`, prune nothing, fill in nothing, and refuse only fields of a wrong type.
 */
export function eventCrds(kinds: AdmissionKinds): readonly CustomResourceDefinition[] {
  return [
    crd(names.eventBus, eventBusSchema, eventBusStatusSchema),
    crd(names.eventSource, eventSourceSchema(kinds.sources), eventSourceStatusSchema),
    crd(names.sensor, sensorSchema(kinds.triggers), sensorStatusSchema),
  ];
}

/** By file name below `crds/`. */
export function crdFiles(crds: readonly CustomResourceDefinition[]): ReadonlyMap<string, string> {
  return new Map(crds.map((definition) => [`${definition.metadata.name}.yaml`, formatYaml(definition)]));
}

function crd(names: KindNames, spec: JsonSchema, status?: JsonSchema): CustomResourceDefinition {
  const { kind, plural, short, columns, more = {}, hasStatusSubresource } = names;
  const singular = kind.toLowerCase();
  const listKind = `${kind}List`;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind, plural, singular, shortNames: short },
      scope: "Namespaced",
      versions: [
        {
          name: "v1alpha1",
          served: true,
          storage: true,
          ...(hasStatusSubresource ? { subresources: { status: {} } } : {}),
          additionalPrinterColumns: [
            ...columns,
            { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
          ],
          schema: { openAPIV3Schema: rootSchema(spec, status ? openSchema(status) : anyStatus, more) },
        },
      ],
    },
  };
}

function rootSchema(spec: JsonSchema, status: JsonSchema, more: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return {
    type: "object",
    required: ["metadata", "spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: openSchema(spec),
      ...mapValues(more, openSchema),
      status,
    },
  };
}

/**
 * Descriptions and types only: the original's CRDs check nothing, so that constraints belong to admission, and defaults
 * would be written into users' objects. A null counts as absent in Go, so that it is allowed wherever a field has a type.
 */
function openSchema(schema: JsonSchema): JsonSchema {
  const { type, description, properties, additionalProperties, items } = schema;
  // A structural schema names fields or is a map, never both.
  const entry = !properties && typeof additionalProperties === "object" ? additionalProperties : undefined;
  const isOpen = type === "object" && !entry;
  const isAny = type === undefined && schema["x-kubernetes-int-or-string"] !== true;
  return {
    ...(description ? { description } : {}),
    ...(type ? { type, nullable: true } : {}),
    ...(schema["x-kubernetes-int-or-string"] ? { "x-kubernetes-int-or-string": true, nullable: true } : {}),
    ...(properties ? { properties: mapValues(properties, openSchema) } : {}),
    ...(entry ? { additionalProperties: openSchema(entry) } : {}),
    ...(type === "array" ? { items: items ? openSchema(items) : preserved } : {}),
    ...(isOpen || isAny ? { "x-kubernetes-preserve-unknown-fields": true } : {}),
  };
}

const anyStatus: JsonSchema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

const preserved: JsonSchema = { "x-kubernetes-preserve-unknown-fields": true };

function mapValues<In, Out>(record: Readonly<Record<string, In>>, map: (value: In) => Out): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
