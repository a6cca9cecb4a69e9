import type { JsonObject } from "../base/json.ts";
import type { ServedResource } from "./resources.ts";

/** One problem of an object that is invalid, as `details.causes[]` shows it. */
export interface FieldProblem {
  readonly field: string;
  readonly message: string;
  readonly reason:
    | "FieldValueInvalid"
    | "FieldValueRequired"
    | "FieldValueNotSupported"
    | "FieldValueDuplicate"
    | "FieldValueForbidden"
    | "FieldValueTypeInvalid";
}

/** An answer that is a Kubernetes `Status`: thrown anywhere below `fetch`, which turns it into the response. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: JsonObject | undefined;
  readonly listMetadata: JsonObject;

  constructor(code: number, reason: string, message: string, details?: JsonObject, listMetadata: JsonObject = {}) {
    super(message);
    this.listMetadata = listMetadata;
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  body(): JsonObject {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: this.listMetadata,
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

/** `configmaps`, or `widgets.example.com` outside of the core group. */
export function qualifiedName(resource: ServedResource): string {
  return resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
}

function detailsOf(resource: ServedResource, name: string): JsonObject {
  return { name, ...(resource.group ? { group: resource.group } : {}), kind: resource.plural };
}

export function notFound(resource: ServedResource, name: string): StatusError {
  const message = `${qualifiedName(resource)} "${name}" not found`;
  return new StatusError(404, "NotFound", message, detailsOf(resource, name));
}

export function unknownPath(): StatusError {
  return new StatusError(404, "NotFound", "the server could not find the requested resource", {});
}

export function alreadyExists(resource: ServedResource, name: string): StatusError {
  const message = `${qualifiedName(resource)} "${name}" already exists`;
  return new StatusError(409, "AlreadyExists", message, detailsOf(resource, name));
}

export function conflict(resource: ServedResource, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualifiedName(resource)} "${name}": ${why}`;
  return new StatusError(409, "Conflict", message, detailsOf(resource, name));
}

/** What server-side apply says when others own what is applied: one cause for each field. */
export function applyConflict(conflicts: readonly { readonly owner: string; readonly path: string }[]): StatusError {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${owner}`,
    field: path,
  }));
  return new StatusError(409, "Conflict", applyConflictText(conflicts), { causes });
}

function applyConflictText(conflicts: readonly { readonly owner: string; readonly path: string }[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first) {
    return `Apply failed with 1 conflict: conflict with ${first.owner}: ${first.path}`;
  }
  const lines = [...new Set(conflicts.map(({ owner }) => owner))].toSorted().flatMap((owner) => {
    const paths = conflicts.filter((conflict) => conflict.owner === owner).map(({ path }) => `- ${path}`);
    return [`conflicts with ${owner}:`, ...paths];
  });
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
}

export const modifiedSince =
  "the object has been modified; please apply your changes to the latest version and try again";

export function invalid(resource: ServedResource, name: string, problems: readonly FieldProblem[]): StatusError {
  const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
  const texts = problems.map((problem) => `${problem.field}: ${problem.message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  return new StatusError(422, "Invalid", `${kind} "${name}" is invalid: ${list}`, {
    name,
    ...(resource.group ? { group: resource.group } : {}),
    kind: resource.kind,
    causes: problems.map(({ field, message, reason }) => ({ reason, message, field })),
  });
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}

export function methodNotAllowed(): StatusError {
  return new StatusError(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
    {},
  );
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`;
  return new StatusError(415, "UnsupportedMediaType", message);
}

export function tooLarge(limit: number): StatusError {
  return new StatusError(413, "RequestEntityTooLarge", `Request entity too large: limit is ${limit}`);
}

export function expired(from: number, oldest: number): StatusError {
  return new StatusError(410, "Expired", `too old resource version: ${from} (${oldest})`);
}

/** A list as of a revision that is no longer remembered. */
export function expiredList(): StatusError {
  return new StatusError(410, "Expired", "The resourceVersion for the provided list is too old.");
}

/** A page of a list whose snapshot is no longer remembered. `token` goes on with what is there now. */
export function expiredPage(token: string): StatusError {
  const message =
    "The provided continue parameter is too old to display a consistent list result: start a new list without it, or use the continue token of this response for the rest as it is now, which may miss or repeat what changed in between.";
  return new StatusError(410, "Expired", message, undefined, { continue: token });
}

/** A revision that is not there yet: the client is to ask again. */
export function futureRevision(from: string, current: number): StatusError {
  const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
  const message = `Timeout: Too large resource version: ${from}, current: ${current}`;
  return new StatusError(504, "Timeout", message, { causes, retryAfterSeconds: 1 });
}

export function forbidden(message: string): StatusError {
  return new StatusError(403, "Forbidden", message, {});
}

export function unauthorized(): StatusError {
  return new StatusError(401, "Unauthorized", "Unauthorized");
}
