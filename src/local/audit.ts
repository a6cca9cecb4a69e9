import { randomUUID } from "node:crypto";
import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { type Instant, isoTime } from "../base/clock.ts";
import { messageOf, TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import type { Logger } from "../base/log.ts";
import { attributesOf } from "./access/attributes.ts";
import { objectAt } from "./kinds.ts";
import type { ResourceRequest, User } from "./request.ts";

/**
 * Who asked for which change, and what came of it: `audit.k8s.io/v1` at the level Metadata, as the audit log of a real API
 * server has it, so without bodies. The annotation `tiphys.io/resource-version` is the object's afterwards: the same as
 * before when nothing changed, missing when nothing was stored (a dry run, a refusal, a deletion of many).
 */
export interface AuditEvent {
  readonly kind: "Event";
  readonly apiVersion: "audit.k8s.io/v1";
  readonly level: "Metadata";
  readonly auditID: string;
  readonly stage: "ResponseComplete";
  readonly requestURI: string;
  /** `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb: string;
  readonly user: { readonly username?: string; readonly groups?: readonly string[] };
  readonly impersonatedUser?: { readonly username: string; readonly groups: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: AuditedObject;
  readonly responseStatus: { readonly code: number; readonly reason?: string };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface AuditedObject {
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly apiGroup?: string;
  readonly apiVersion: string;
  readonly subresource?: string;
}

/** Told each change, in the order in which they were stored, before its client is answered. Must not throw. */
export type Audit = (event: AuditEvent) => void;

/** What is known of a request so far; a refused one may not get far. */
export interface Asked {
  readonly request: Request;
  readonly at: Instant;
  user?: User;
  target?: ResourceRequest;
}

export const resourceVersionNote = "tiphys.io/resource-version";

const reading = new Set(["GET", "HEAD", "OPTIONS"]);

export function isAudited(request: Request): boolean {
  return !reading.has(request.method);
}

/** The entry of a request that was answered. */
export async function auditEventOf({ request, at, user, target }: Asked, response: Response, now: Instant) {
  const url = new URL(request.url);
  const verb = target === undefined ? request.method.toLowerCase() : attributesOf(target).verb;
  const answer = verb === "deletecollection" && response.ok ? {} : await answerOf(response);
  const isDryRun = (url.searchParams.get("dryRun") ?? "") !== "";
  return auditEvent({
    requestURI: url.pathname + url.search,
    verb,
    ...identityOf(user),
    ...textOf("userAgent", request.headers.get("user-agent")),
    ...(target === undefined
      ? {}
      : { objectRef: objectRefOf(target, response.ok ? objectAt(answer, "metadata") : {}) }),
    responseStatus: { code: response.status, ...(response.ok ? {} : textOf("reason", answer.reason)) },
    ...(response.ok && !isDryRun ? versionNote(objectAt(answer, "metadata").resourceVersion) : {}),
    at,
    now,
  });
}

type Varying = Pick<AuditEvent, "requestURI" | "verb" | "user" | "responseStatus"> &
  Partial<Pick<AuditEvent, "impersonatedUser" | "userAgent" | "objectRef" | "annotations">>;

/** An entry with what all have. */
export function auditEvent({
  at,
  now,
  ...rest
}: Varying & { readonly at: Instant; readonly now: Instant }): AuditEvent {
  const times = { requestReceivedTimestamp: microTime(at), stageTimestamp: microTime(now) };
  const type = { kind: "Event", apiVersion: "audit.k8s.io/v1" } as const;
  return { ...type, level: "Metadata", auditID: randomUUID(), stage: "ResponseComplete", ...rest, ...times };
}

export function versionNote(resourceVersion: unknown): Pick<AuditEvent, "annotations"> {
  return typeof resourceVersion === "string" ? { annotations: { [resourceVersionNote]: resourceVersion } } : {};
}

/** A generated name is known from the answer only. */
export function objectRefOf({ resource, namespace, name, subresource }: ResourceRequest, metadata: JsonObject) {
  return {
    resource: resource.plural,
    ...textOf("namespace", namespace ?? metadata.namespace),
    ...textOf("name", name ?? metadata.name),
    ...(resource.group === "" ? {} : { apiGroup: resource.group }),
    apiVersion: resource.version,
    ...textOf("subresource", subresource),
  };
}

function identityOf(user: User | undefined): Pick<AuditEvent, "user" | "impersonatedUser"> {
  if (user === undefined) return { user: {} };
  const named = ({ name, groups }: User) => ({ username: name, groups });
  const { impersonator } = user;
  if (impersonator === undefined) return { user: named(user) };
  return { user: named(impersonator), impersonatedUser: named(user) };
}

async function answerOf(response: Response): Promise<JsonObject> {
  if (!response.headers.get("content-type")?.includes("json")) return {};
  const value = parseJson(await response.clone().text());
  return isJsonObject(value) ? value : {};
}

function textOf<Key extends string>(key: Key, value: unknown): { readonly [K in Key]?: string } {
  return (typeof value === "string" && value !== "" ? { [key]: value } : {}) as { readonly [K in Key]?: string };
}

/** As Kubernetes writes a MicroTime. */
function microTime(at: Instant): string {
  return isoTime(at).replace(/\.(\d{3})Z$/, ".$1000Z");
}

export interface AuditFile extends Disposable {
  readonly write: Audit;
}

/** The file and the one before it: so much is kept of each. */
const maxFileBytes = 64 * 1024 * 1024;

/**
 * Appends entries to a file, one JSON line each, that only its owner may read. When it is full it becomes `FILE.1`, in
 * place of the last one. Entries that cannot be written (a full disk) are counted in the log: requests go on.
 * @throws TerminalError CONFIG_INVALID for a file that cannot be opened
 */
export function openAuditFile(
  path: string,
  { log, maxBytes = maxFileBytes }: { readonly log: Logger; readonly maxBytes?: number },
): AuditFile {
  let file = openOrRefuse(path);
  let size = fstatSync(file).size;
  let lost = 0;
  const append = (line: string): void => {
    const bytes = Buffer.from(line);
    if (size > 0 && size + bytes.length > maxBytes) {
      renameSync(path, `${path}.1`);
      closeSync(file);
      file = openFile(path);
      size = 0;
    }
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    size += bytes.length;
  };
  return {
    write(event) {
      try {
        append(`${JSON.stringify(event)}\n`);
        if (lost > 0) log.warn("audit log is written again", { path, lost });
        lost = 0;
      } catch (error) {
        if (lost++ === 0) log.error("audit log cannot be written: entries are lost", { path, error });
      }
    },
    [Symbol.dispose]: () => closeSync(file),
  };
}

function openFile(path: string): number {
  return openSync(path, "a", 0o600);
}

function openOrRefuse(path: string): number {
  try {
    return openFile(path);
  } catch (error) {
    const message = `--kube-audit-log: the file "${path}" cannot be opened: ${messageOf(error)}`;
    throw new TerminalError("CONFIG_INVALID", message, error);
  }
}
