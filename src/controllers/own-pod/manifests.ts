import { objectOf } from "../../api/fields.ts";
import { argoApiVersion, type EventBusResource } from "../../api/resources.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { SecretKeySelector, SecretReader } from "../../events/sources/source.ts";
import type { KubeObject } from "../../objects/object.ts";
import { namesOf, ports, readNativeBus } from "../native-bus/native-bus.ts";
import type { PodOwner } from "./deployment.ts";

/** Values that one EventSource or Sensor may name. */
const maxReferences = 1_000;

interface Reference extends SecretKeySelector {
  readonly kind: "Secret" | "ConfigMap";
}

interface Reading {
  /** Acts as the owner's service account. */
  readonly own: SecretReader;
  /** Acts as the engine, which made the bus. */
  readonly bus: SecretReader;
}

/**
 * The text of the manifests that its Pod runs, with the values that they name. `more`: what its spec says beside what is
 * written there. @throws EngineError SECRET_MISSING
 */
export async function podManifests(
  { owner, object, more = {} }: { readonly owner: PodOwner; readonly object: KubeObject; readonly more?: JsonObject },
  { spec: specOfBus, ...bus }: EventBusResource,
  readers: Reading,
): Promise<string> {
  const { namespace, name, labels, annotations } = owner.metadata;
  const { template: _, service: _service, replicas: _replicas, ...written } = objectOf(object.spec as JsonValue);
  const spec = { ...written, ...more };
  const busSpec = reachable({ spec: specOfBus, ...bus });
  const values = [
    ...(await read(referencesIn(spec), readers.own, namespace)),
    ...(await read(referencesIn(busSpec), readers.bus, namespace)),
  ];
  const { [isolate]: _isolate, "kubectl.kubernetes.io/last-applied-configuration": _last, ...kept } = annotations;
  const objects = [
    ...merged(values),
    { apiVersion: argoApiVersion, kind: "EventBus", metadata: { namespace, name: bus.metadata.name }, spec: busSpec },
    {
      apiVersion: argoApiVersion,
      kind: owner.kind,
      metadata: { namespace, name, labels, annotations: kept },
      spec,
    },
  ];
  return objects.map((value) => JSON.stringify(value)).join("\n---\n");
}

const isolate = "tiphys.io/isolate";

/** The bus as somebody else's, with what the engine made for it. */
function reachable(resource: EventBusResource): JsonObject {
  if (resource.kind !== "jetstream") return { jetstreamExotic: resource.spec.jetstreamExotic ?? {} };
  const native = readNativeBus(resource);
  const { host, clientSecret, serverSecret } = namesOf(native);
  return {
    jetstreamExotic: {
      url: `nats://${host}:${ports.client}`,
      accessSecret: { name: clientSecret, key: "client-auth" },
      tls: { caCertSecret: { name: serverSecret, key: "ca-cert" } },
      streamConfig: JSON.stringify(native.streamConfig),
    },
  };
}

/** What users add to events, and the object that a trigger writes, with references that are not ours. */
const unread = new Set(["metadata", "resource"]);

/** `{name, key}` anywhere but there; of a ConfigMap where the field's name says so. */
function referencesIn(value: JsonValue | undefined, field = ""): readonly Reference[] {
  if (Array.isArray(value)) return value.flatMap((item) => referencesIn(item, field));
  if (!isJsonObject(value)) return [];
  const { name, key } = value;
  if (typeof name === "string" && typeof key === "string" && name !== "" && key !== "") {
    return [{ kind: /configmap/i.test(field) ? "ConfigMap" : "Secret", name, key }];
  }
  const fields = Object.entries(value).filter(([inner]) => !unread.has(inner));
  return fields.flatMap(([inner, item]) => referencesIn(item, inner));
}

interface Value extends Reference {
  readonly namespace: string;
  readonly text: string;
}

async function read(references: readonly Reference[], reader: SecretReader, namespace: string): Promise<Value[]> {
  const values: Value[] = [];
  for (const reference of references.slice(0, maxReferences)) {
    const read = reference.kind === "Secret" ? reader.read : reader.readConfigMap;
    values.push({ ...reference, namespace, text: await read(reference) });
  }
  return values;
}

/** One object for all keys of a name. */
function merged(values: readonly Value[]): JsonObject[] {
  const objects = new Map<string, Record<string, string>>();
  for (const { kind, name, key, text } of values) {
    const id = `${kind}/${name}`;
    objects.set(id, { ...objects.get(id), [key]: text });
  }
  const namespace = values[0]?.namespace ?? "";
  return [...objects].map(([id, texts]) => {
    const [kind = "", name = ""] = id.split("/");
    return {
      apiVersion: "v1",
      kind,
      metadata: { namespace, name },
      [kind === "Secret" ? "stringData" : "data"]: texts,
    };
  });
}
