import type { JsonObject } from "../../base/json.ts";
import {
  applicationObject,
  type ObservationRecord,
  type SyncDestination,
  type SyncRecord,
} from "../../record/records.ts";
import { imagePurl, sourcePurl } from "./purl.ts";

/** Of CDEvents (https://cdevents.dev), and of its events about services. */
const specVersion = "0.4.1";
const serviceVersion = "0.2.0";

export const defaultSource = "/tiphys";
const inCluster = "https://kubernetes.default.svc";

/** What a deployment is told by: of a record, or of what an Application says of its last sync. */
export type DeployedSync = Pick<
  SyncRecord,
  | "at"
  | "application"
  | "project"
  | "destination"
  | "revisions"
  | "sources"
  | "before"
  | "isReturn"
  | "images"
  | "phase"
> &
  Partial<Pick<SyncRecord, "manifests" | "by" | "options">> & {
    /** Of the event: the same at a repeat. */
    readonly id: string;
  };

/**
 * A sync as a CDEvent in a CloudEvent of structured mode: `service.deployed` the first time, then `upgraded`, or `rolledback`
 * where it goes back. Undefined for what deployed nothing new: a failure, a dry run, a part, the same revisions once more.
 */
export function cdeventOf(sync: DeployedSync, source = defaultSource): JsonObject | undefined {
  const predicate = predicateOf(sync);
  if (predicate === undefined) return undefined;
  const { destination = {}, revisions } = sync;
  const content = { environment: environmentOf(destination), artifactId: artifactOf(sync) };
  return serviceEvent(predicate, sync, { content, customData: customDataOf(sync, revisions), source });
}

/** An Application that went with its objects, as `service.removed`; undefined for whatever else was observed. */
export function removalOf(record: ObservationRecord, source = defaultSource): JsonObject | undefined {
  const { application, object, change, destination = {} } = record;
  if (change !== "deleted" || object !== applicationObject(application)) return undefined;
  const customData = { application: { namespace: application.namespace, name: application.name } };
  return serviceEvent("removed", record, { content: { environment: environmentOf(destination) }, customData, source });
}

function serviceEvent(
  predicate: string,
  { id, at, application }: Pick<ObservationRecord, "id" | "at" | "application">,
  { content, customData, source }: Readonly<Record<"content" | "customData", JsonObject>> & { readonly source: string },
): JsonObject {
  const subject = `${application.namespace}/${application.name}`;
  const type = `dev.cdevents.service.${predicate}.${serviceVersion}`;
  const time = new Date(at).toISOString();
  const data = {
    context: { version: specVersion, id, source, type, timestamp: time },
    subject: { id: subject, source, type: "service", content },
    customData,
    customDataContentType: "application/json",
  };
  return { specversion: "1.0", id, source, type, subject, time, datacontenttype: "application/cdevents+json", data };
}

function predicateOf({ phase, before, isReturn, revisions, options = [] }: DeployedSync): string | undefined {
  if (phase !== "Succeeded" || revisions.length === 0) return undefined;
  if (options.some((option) => option === "dry run" || option.endsWith(" alone"))) return undefined;
  if (before === undefined) return "deployed";
  if (before.join() === revisions.join()) return undefined;
  return isReturn === true ? "rolledback" : "upgraded";
}

/** `CLUSTER/NAMESPACE`. */
function environmentOf({ server, name, namespace }: SyncDestination): JsonObject {
  const cluster =
    name ?? (server === undefined || server === inCluster ? "in-cluster" : (URL.parse(server)?.host ?? server));
  return {
    id: namespace === undefined ? cluster : `${cluster}/${namespace}`,
    ...(server === undefined ? {} : { source: server }),
  };
}

/** The first image, where one is known; else the source. */
function artifactOf({ application, images = [], sources = [], revisions }: DeployedSync): string {
  const [image] = images;
  if (image !== undefined) return imagePurl(image);
  const [source] = sources;
  const [revision = ""] = revisions;
  if (source !== undefined) return sourcePurl(application.name, revision, source);
  return `pkg:generic/${encodeURIComponent(application.name)}@${encodeURIComponent(revision)}`;
}

function customDataOf(sync: DeployedSync, revisions: readonly string[]): JsonObject {
  const { application, project, sources, images, manifests, by, options, before } = sync;
  const told = { project, before, images, manifests, by, options };
  const known = Object.entries(told).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return {
    application: { namespace: application.namespace, name: application.name },
    revisions,
    ...(sources === undefined ? {} : { sources: sources.map((source) => ({ ...source })) }),
    ...Object.fromEntries(known),
  };
}
