import { appProjectSchema, appProjectStatusSchema } from "../api/app-project-schema.ts";
import { applicationSchema, operationSchema } from "../api/application-schema.ts";
import { applicationSetSchema, applicationSetStatusSchema } from "../api/application-set/application-set-schema.ts";
import { applicationStatusSchema } from "../api/application-status-schema.ts";
import { eventBusSchema, eventBusStatusSchema } from "../api/event-bus-schema.ts";
import { eventSourceSchema, eventSourceStatusSchema } from "../api/event-source.ts";
import { sensorSchema, sensorStatusSchema } from "../api/sensor-schema.ts";
import { sensorTestSchema } from "../api/sensor-test-schema.ts";
import { openObject } from "../api/shared-schemas.ts";
import { type ErrorCode, errorCodes } from "../base/error-codes.ts";
import { EngineError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { JsonSchema } from "../base/schema.ts";
import { sourceSchemas } from "../events/sources/registry.ts";
import { triggerSchemas } from "../events/triggers/registry.ts";

/** What a field of a kind is. */
export interface FieldExplanation {
  /** `argoproj.io`, or `tiphys.io` for kinds of ours. */
  readonly group: string;
  readonly kind: string;
  /** `spec.triggers`; "" for the kind itself. */
  readonly path: string;
  readonly schema: JsonSchema;
}

/** What an error code means. */
export interface CodeExplanation {
  readonly code: ErrorCode;
  readonly cause: string;
  readonly remedy: string;
}

type Kind = DeclaredKind | OwnKind;

/** A kind of ours without a spec: its fields are those of the object itself. */
interface OwnKind {
  readonly kind: string;
  readonly names: readonly string[];
  readonly root: JsonSchema;
}

interface DeclaredKind {
  readonly kind: string;
  /** As `kubectl` takes them, in lower case. */
  readonly names: readonly string[];
  readonly description: string;
  readonly spec: () => JsonSchema;
  readonly status: JsonSchema;
  readonly more?: Readonly<Record<string, JsonSchema>>;
}

const kinds: readonly Kind[] = [
  {
    kind: "EventSource",
    names: ["eventsource", "eventsources", "es"],
    description: "Takes events from elsewhere and puts them on the bus.",
    spec: () => eventSourceSchema(sourceSchemas()),
    status: eventSourceStatusSchema,
  },
  {
    kind: "Sensor",
    names: ["sensor", "sensors", "sn"],
    description: "Listens to events and does something about them.",
    spec: () => sensorSchema(triggerSchemas()),
    status: sensorStatusSchema,
  },
  {
    kind: "EventBus",
    names: ["eventbus", "eb"],
    description: "Where the events of EventSources wait for Sensors.",
    spec: () => eventBusSchema,
    status: eventBusStatusSchema,
  },
  {
    kind: "Application",
    names: ["application", "applications", "app", "apps"],
    description: "A place in a cluster that is kept at what a repository says.",
    spec: () => applicationSchema,
    status: applicationStatusSchema,
    more: { operation: operationSchema },
  },
  {
    kind: "ApplicationSet",
    names: ["applicationset", "applicationsets", "appset", "appsets"],
    description: "Makes Applications.",
    spec: () => applicationSetSchema,
    status: applicationSetStatusSchema,
  },
  {
    kind: "AppProject",
    names: ["appproject", "appprojects", "appproj", "appprojs"],
    description: "What its Applications may use.",
    spec: () => appProjectSchema,
    status: appProjectStatusSchema,
  },
  { kind: "SensorTest", names: ["sensortest", "sensortests"], root: sensorTestSchema },
];

/** `MANIFEST_INVALID`. @throws EngineError FIELD_UNKNOWN that names the nearest */
export function explainCode(code: string): CodeExplanation {
  if (isCode(code)) return { code, ...errorCodes[code] };
  throw unknownName(`"${code}" is no error code`, code, Object.keys(errorCodes));
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}

/**
 * The field that a path such as `sensor.spec.triggers` names; brackets with an index and the names of a map's entries
 * may be left out. @throws EngineError FIELD_UNKNOWN that names the nearest
 */
export function explainField(path: string): FieldExplanation {
  const [name = "", ...keys] = path.replaceAll(/\[[^\]]*\]/g, "").split(".");
  const found = kinds.find(({ names }) => names.includes(name.toLowerCase()));
  if (!found) {
    const known = kinds.map(({ kind }) => kind.toLowerCase());
    throw unknownName(`"${name}" is no kind of ours`, name, known);
  }
  const isOwn = "root" in found;
  let schema = isOwn ? found.root : rootSchema(found);
  for (const [index, key] of keys.entries()) {
    const child = childOf(schema, key, index === keys.length - 1);
    if (!child) {
      const above = [name, ...keys.slice(0, index)].join(".");
      const known = Object.keys(fieldsOf(schema));
      if (known.length > 0 || !isOpen(schema)) throw unknownName(`${above} has no field "${key}"`, key, known);
      throw new EngineError("FIELD_UNKNOWN", `${above} takes any fields: nothing is known of "${key}"`);
    }
    schema = child;
  }
  return { group: isOwn ? "tiphys.io" : "argoproj.io", kind: found.kind, path: keys.join("."), schema };
}

/** The fields of an object, of a list's items or of a map's entries. */
export function fieldsOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return entryOf(schema).properties ?? {};
}

/** Names of the fields that must be there. */
export function requiredOf(schema: JsonSchema): readonly string[] {
  return entryOf(schema).required ?? [];
}

/** `[]Object`, `map[string]string`, `integer`, as `kubectl explain` writes types. */
export function typeName(schema: JsonSchema): string {
  if (schema["x-kubernetes-int-or-string"]) return "IntOrString";
  if (schema.type === "array") return `[]${schema.items ? typeName(schema.items) : "any"}`;
  if (schema.type !== "object") return schema.type ?? "any";
  const entry = !schema.properties && typeof schema.additionalProperties === "object" && schema.additionalProperties;
  return entry ? `map[string]${typeName(entry)}` : "Object";
}

function rootSchema({ description, spec, more, status }: DeclaredKind): JsonSchema {
  return {
    type: "object",
    description,
    required: ["spec"],
    properties: {
      apiVersion: { type: "string", description: "argoproj.io/v1alpha1" },
      kind: { type: "string", description: "The kind's name." },
      metadata: openObject("Name, namespace, labels and annotations, as of any object of Kubernetes."),
      spec: spec(),
      ...more,
      status,
    },
  };
}

/** A key that no entry of a map has is an entry's name, where something follows it. */
function childOf(schema: JsonSchema, key: string, isLast: boolean): JsonSchema | undefined {
  const fields = fieldsOf(schema);
  if (Object.hasOwn(fields, key)) return fields[key];
  const isMap = !schema.properties && typeof schema.additionalProperties === "object";
  return isMap && !isLast ? entryOf(schema) : undefined;
}

function isOpen(schema: JsonSchema): boolean {
  return entryOf(schema)["x-kubernetes-preserve-unknown-fields"] === true;
}

function entryOf(schema: JsonSchema): JsonSchema {
  let entry = schema;
  // Lists of lists, maps of lists: schemas are written by us, and end.
  for (;;) {
    const inner = entry.items ?? (entry.properties ? undefined : entry.additionalProperties);
    if (typeof inner !== "object") return entry;
    entry = inner;
  }
}

function unknownName(what: string, name: string, known: readonly string[]): EngineError {
  const likely = nearest(name, known);
  const hint =
    likely === undefined ? (known.length === 0 ? "" : `; known: ${known.join(", ")}`) : `; did you mean "${likely}"?`;
  return new EngineError("FIELD_UNKNOWN", what + hint);
}
