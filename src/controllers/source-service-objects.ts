import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { objectOf, warningAt } from "../api/fields.ts";
import { argoApiVersion, type EventSource } from "../api/resources.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import type { KubeObject, ObjectMeta, ObjectRef } from "../objects/object.ts";

// The Service before the HTTP events of an EventSource, and where it leads. Pure.

/** By the port that the EventSource names: the one of this engine; undefined while it is not listened on yet. */
export type Allocated = ReadonlyMap<number, number | undefined>;

export interface ServicePort {
  /** "" for a single one. */
  readonly name: string;
  readonly port: number;
  readonly targetPort: number | string;
  readonly protocol: string;
  readonly appProtocol?: string;
}

/** Of the slices that engines write. */
export const managedBy = { "endpointslice.kubernetes.io/managed-by": "tiphys" } as const;
/** An annotation: names of engines do not fit labels. */
export const engineAnnotation = "tiphys.io/engine";
export const serviceLabel = "kubernetes.io/service-name";

type Named = Pick<ObjectRef, "name"> & { readonly namespace: string };

/** The original's name (spec argo-events 7.2). */
export function serviceRef({ namespace, name }: Named) {
  return { apiVersion: "v1", kind: "Service", namespace, name: `${name}-eventsource-svc` };
}

/** One for each engine: each says where it listens. */
export function sliceRef(source: Named, engine: string) {
  const { namespace, name } = serviceRef(source);
  const hash = createHash("sha256").update(engine).digest("hex").slice(0, 10);
  return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace, name: `${name}-${hash}` };
}

/** Those of `spec.service`; without it (where the original has no Service) the ports that its HTTP events name. */
export function servicePorts({ service }: Pick<EventSource, "service">, allocated: Allocated): ServicePort[] {
  const { ports = [] } = service ?? {};
  if (ports.length > 0) {
    return ports.map(({ name = "", port, targetPort, protocol, appProtocol }) => ({
      name,
      port: Number(port),
      targetPort: isPortLike(targetPort) ? targetPort : Number(port),
      protocol: protocol || "TCP",
      ...(appProtocol ? { appProtocol } : {}),
    }));
  }
  const own = [...allocated.keys()].sort((a, b) => a - b);
  return own.map((port) => ({
    name: own.length === 1 ? "" : `port-${port}`,
    port,
    targetPort: port,
    protocol: "TCP",
  }));
}

function isPortLike(value: unknown): value is number | string {
  return (typeof value === "number" && value > 0) || (typeof value === "string" && value !== "");
}

/** The ports of the Service that lead nowhere, and what a ClusterIP cannot have. */
export function portProblems({ service }: Pick<EventSource, "service">, allocated: Allocated): Problem[] {
  const ports = servicePorts({ ...(service && { service }) }, allocated);
  if (!service?.ports?.length) return [];
  const known = [...allocated.keys()].join(", ") || "none";
  return ports.flatMap(({ targetPort, port }, index) => {
    const path = `spec.service.ports[${index}]`;
    const { nodePort } = service.ports?.[index] ?? {};
    return [
      ...(allocated.has(Number(targetPort))
        ? []
        : [warningAt(`${path}.${targetPort === port ? "port" : "targetPort"}`, notServed(targetPort, known))]),
      ...(nodePort ? [warningAt(`${path}.nodePort`, "has no effect: the Service is a ClusterIP")] : []),
    ];
  });
}

function notServed(port: number | string, known: string): string {
  return `no HTTP event of the EventSource has port ${port}, which therefore leads nowhere; their ports: ${known}`;
}

/** The ports that its events name; those of HTTP events, if it has any. */
export function ownPortsOf({ events }: Pick<EventSource, "events">): number[] {
  const ports = events.flatMap(({ spec }) => {
    const { webhook, port } = objectOf(spec as JsonValue | undefined);
    const number = Number(objectOf(webhook).port ?? port);
    return Number.isInteger(number) && number > 0 && number < 65_536 ? [number] : [];
  });
  return [...new Set(ports)];
}

/**
 * Without a selector its endpoints are the slices that engines write. Labels and metadata as the original's
 * (spec argo-events 7.2).
 */
export function serviceOf(source: EventSource, ports: readonly ServicePort[], form?: "selecting"): KubeObject {
  const { service = {}, metadata } = source;
  const { clusterIP = "", metadata: own = {} } = service;
  const { apiVersion, kind, ...ref } = serviceRef(metadata);
  const labels = { ...metadata.labels, ...own.labels, ...labelsOf(metadata.name) };
  return {
    apiVersion,
    kind,
    metadata: { ...ref, labels, ...(own.annotations && { annotations: own.annotations }), ...ownedBy(source) },
    spec: {
      type: "ClusterIP",
      ...(clusterIP === "" ? {} : { clusterIP }),
      ...(form === "selecting" ? { selector: labelsOf(metadata.name) } : {}),
      ports: ports.map(({ name, ...port }) => ({ ...(name === "" ? {} : { name }), ...port })),
    },
  };
}

/** Undefined while nothing is listened on. */
export function sliceOf(
  source: EventSource,
  ports: readonly ServicePort[],
  { address, engine, allocated }: { readonly address: string; readonly engine: string; readonly allocated: Allocated },
): KubeObject | undefined {
  const { apiVersion, kind, ...ref } = sliceRef(source.metadata, engine);
  const open: JsonValue[] = ports.flatMap(({ targetPort, port: _, ...rest }): JsonObject[] => {
    const port = allocated.get(Number(targetPort));
    return port === undefined ? [] : [{ ...rest, port }];
  });
  if (open.length === 0) return undefined;
  const labels = {
    ...labelsOf(source.metadata.name),
    ...managedBy,
    [serviceLabel]: serviceRef(source.metadata).name,
  };
  return {
    apiVersion,
    kind,
    metadata: { ...ref, labels, annotations: { [engineAnnotation]: engine }, ...ownedBy(source) },
    addressType: isIPv6(address) ? "IPv6" : "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true, serving: true, terminating: false } }],
    ports: open,
  };
}

function labelsOf(name: string): Record<string, string> {
  return { controller: "eventsource-controller", "eventsource-name": name, "owner-name": name };
}

function ownedBy({ metadata: { name, uid } }: EventSource): Pick<ObjectMeta, "ownerReferences"> {
  const owner = { apiVersion: argoApiVersion, kind: "EventSource", name, uid };
  return { ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }] };
}

/** Whether `stored` says all that `wanted` does; lists must be the same in length and order. */
export function covers(stored: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(stored) || stored.length !== wanted.length) return false;
    return wanted.every((item, index) => covers(stored[index], item));
  }
  if (typeof wanted !== "object" || wanted === null) return stored === wanted;
  if (typeof stored !== "object" || stored === null) return false;
  const have = stored as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([key, value]) => covers(have[key], value));
}
