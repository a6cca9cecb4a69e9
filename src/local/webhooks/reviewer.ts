import { createHash, randomUUID } from "node:crypto";
import { messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import { isDryRun, type ResourceRequest } from "../request.ts";
import { badRequest, StatusError } from "../status-error.ts";
import type { ObjectStore } from "../store.ts";
import type { Admission, Reviewer } from "../stored-object.ts";
import { callWebhook, type Verdict } from "./call.ts";
import { isFor, readWebhooks, type Webhook } from "./matching.ts";

type AdmissionRequest = Parameters<Admission>[0];

const configurations = "admissionregistration.k8s.io/validatingwebhookconfigurations";
/** What would be stored may change while webhooks are asked; after so many times the client is told to try again. */
const maxReviews = 5;

/** Thrown within a write, which it undoes: others have to be asked first. */
class ReviewNeeded extends Error {
  readonly request: AdmissionRequest;
  readonly webhooks: readonly Webhook[];
  readonly digest: string;

  constructor(request: AdmissionRequest, webhooks: readonly Webhook[], digest: string) {
    super("a write has to be reviewed");
    this.request = request;
    this.webhooks = webhooks;
    this.digest = digest;
  }
}

export function createReviewer(store: ObjectStore): Reviewer {
  const reviewed = new WeakMap<ResourceRequest, string>();
  let known: readonly Webhook[] | undefined;
  const webhooks = (): readonly Webhook[] => {
    known ??= store
      .list(configurations, { limit: -1 })
      .flatMap(({ text }) => readWebhooks(parseJson(text) as JsonObject));
    return known;
  };
  return {
    async review(target, write) {
      for (let round = 0; round < maxReviews; round++) {
        try {
          return await write();
        } catch (error) {
          if (!(error instanceof ReviewNeeded)) throw error;
          await askAll(target, error);
          reviewed.set(target, error.digest);
        }
      }
      throw new StatusError(409, "Conflict", "the object changed while it was reviewed; please try again", {});
    },
    require(target, request) {
      const all = webhooks();
      if (all.length === 0) return;
      const asked = all.filter((webhook) => isFor(webhook, writtenOf(store, target, request)));
      if (asked.length === 0) return;
      const digest = digestOf(request);
      if (reviewed.get(target) !== digest) throw new ReviewNeeded(request, asked, digest);
    },
    notify(resource) {
      if (resource === configurations) known = undefined;
    },
  };
}

function writtenOf(store: ObjectStore, { resource, namespace }: ResourceRequest, request: AdmissionRequest) {
  const text = namespace === undefined ? undefined : store.read("/namespaces", "", namespace);
  const place = text === undefined ? undefined : parseJson(text);
  const metadata = isJsonObject(place) && isJsonObject(place.metadata) ? place.metadata : {};
  return {
    operation: request.operation,
    resource,
    labels: request.object.metadata.labels,
    oldLabels: request.old?.metadata.labels,
    namespaceLabels: namespace === undefined ? undefined : (metadata.labels ?? {}),
  };
}

/** Of what is reviewed, without what is new at each try. */
function digestOf({ operation, object, old }: AdmissionRequest): string {
  const {
    uid: _uid,
    creationTimestamp: _time,
    managedFields: _fields,
    name,
    generateName,
    ...metadata
  } = object.metadata;
  const named = generateName === undefined ? name : "";
  const text = JSON.stringify([operation, { ...object, metadata }, named, old?.metadata.resourceVersion]);
  return createHash("sha256").update(text).digest("base64");
}

/** All at once, as a real server does it; the first refusal counts. */
async function askAll(target: ResourceRequest, { webhooks, request }: ReviewNeeded): Promise<void> {
  if (isDryRun(target.query)) refuseSideEffects(webhooks);
  const verdicts = await Promise.all(webhooks.map((webhook) => ask(webhook, target, request)));
  for (const [at, verdict] of verdicts.entries()) {
    target.warnings.push(...verdict.warnings);
    if (verdict.allowed) continue;
    const why =
      verdict.message === "" ? "denied the request without explanation" : `denied the request: ${verdict.message}`;
    const message = `admission webhook ${JSON.stringify(webhooks[at]?.name)} ${why}`;
    throw new StatusError(verdict.code, verdict.code === 403 ? "Forbidden" : "", message, {});
  }
}

function refuseSideEffects(webhooks: readonly Webhook[]): void {
  const found = webhooks.find(({ hasSideEffects }) => hasSideEffects);
  if (found !== undefined) throw badRequest(`admission webhook ${JSON.stringify(found.name)} does not support dry run`);
}

const allowed: Verdict = { allowed: true, message: "", code: 200, warnings: [] };

async function ask(webhook: Webhook, target: ResourceRequest, request: AdmissionRequest): Promise<Verdict> {
  try {
    return await callWebhook(webhook, reviewOf(target, request), target.request.signal);
  } catch (error) {
    if (webhook.ignoresFailure) return allowed;
    const message = `Internal error occurred: failed calling webhook ${JSON.stringify(webhook.name)}: ${messageOf(error)}`;
    throw new StatusError(500, "InternalError", message, { causes: [{ message: messageOf(error) }] });
  }
}

function reviewOf(target: ResourceRequest, { operation, object, old }: AdmissionRequest): JsonObject {
  const { resource, user, namespace, name } = target;
  const kind = { group: resource.group, version: resource.version, kind: resource.kind };
  const of = { group: resource.group, version: resource.version, resource: resource.plural };
  const isDeletion = operation === "DELETE";
  return {
    kind: "AdmissionReview",
    apiVersion: "admission.k8s.io/v1",
    request: {
      uid: randomUUID(),
      kind,
      resource: of,
      requestKind: kind,
      requestResource: of,
      name: name ?? object.metadata.name ?? "",
      ...(namespace === undefined ? {} : { namespace }),
      operation,
      userInfo: { username: user.name, groups: user.groups },
      object: isDeletion ? null : (object as unknown as JsonObject),
      oldObject: isDeletion ? (object as unknown as JsonObject) : ((old ?? null) as JsonObject | null),
      dryRun: isDryRun(target.query),
    },
  };
}
