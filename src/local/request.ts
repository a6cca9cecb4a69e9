import { isJsonObject, type JsonValue, parseJson } from "../base/json.ts";
import { parseYaml } from "../base/yaml.ts";
import { decodeProtobuf, protobufType } from "./protobuf.ts";
import type { ResourceTable, ServedResource } from "./resources.ts";
import { badRequest, tooLarge, unsupportedMediaType } from "./status-error.ts";

/** The largest body, as a Kubernetes API server has it. */
export const maxBodyBytes = 3 * 1024 * 1024;

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  /** Who sent a request in the name of this one. */
  readonly impersonator?: User;
}

/** What a request asks for, once its path is understood. */
export interface ResourceRequest {
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly resource: ServedResource;
  /** Undefined: all namespaces, or a cluster-scoped kind. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** Sent as `Warning` headers. */
  readonly warnings: string[];
}

export interface ResourcePath {
  readonly resource: ServedResource;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** `/api/v1/…` and `/apis/GROUP/VERSION/…` below the version; undefined for what is not served. */
export function parseResourcePath(segments: readonly string[], table: ResourceTable): ResourcePath | undefined {
  const isCore = segments[0] === "api";
  const group = isCore ? "" : (segments[1] ?? "");
  const version = (isCore ? segments[1] : segments[2]) ?? "";
  const rest = segments.slice(isCore ? 2 : 3);
  const inNamespace = rest[0] === "namespaces" && rest.length >= 3 && rest[2] !== "status" && rest[2] !== "finalize";
  const [plural = "", name, subresource, ...more] = inNamespace ? rest.slice(2) : rest;
  const resource = table.find(group, version, plural);
  if (resource === undefined || more.length > 0) return undefined;
  if (inNamespace !== resource.namespaced && (inNamespace || name !== undefined)) return undefined;
  return { resource, namespace: inNamespace ? rest[1] : undefined, name, subresource };
}

const jsonTypes = ["application/json", "application/yaml"];

/** The body of a create or update as an object. JSON unless the content type says YAML. */
export async function readObjectBody(request: Request): Promise<Readonly<Record<string, JsonValue>>> {
  const type = contentType(request) || "application/json";
  if (type === protobufType) return decodeProtobuf(await readBytes(request));
  if (!jsonTypes.includes(type)) throw unsupportedMediaType([...jsonTypes, protobufType]);
  const value = parseText(await readText(request), type);
  if (!isJsonObject(value)) throw badRequest("the body of the request must be an object");
  return value;
}

async function readBytes(request: Request): Promise<Buffer> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBodyBytes) throw tooLarge(maxBodyBytes);
  const bytes = Buffer.from(await request.arrayBuffer());
  if (bytes.length > maxBodyBytes) throw tooLarge(maxBodyBytes);
  return bytes;
}

export function contentType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

export async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBodyBytes) throw tooLarge(maxBodyBytes);
  const text = await request.text();
  // A string is never longer than its UTF-8 bytes; only long ones are worth counting.
  if (text.length > maxBodyBytes || (text.length > maxBodyBytes / 3 && Buffer.byteLength(text) > maxBodyBytes)) {
    throw tooLarge(maxBodyBytes);
  }
  return text;
}

/** @throws StatusError 400 */
export function parseText(text: string, type: string): unknown {
  if (text.length > maxDepth * 2 && depthOf(text) > maxDepth) throw badRequest("exceeded max depth");
  try {
    return type.endsWith("yaml") && !text.trimStart().startsWith("{") ? parseYaml(text)[0] : parseJson(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw badRequest(`the body of the request cannot be read: ${problem}`);
  }
}

/** As the decoder of a real server. */
const maxDepth = 10_000;

/** How deeply the brackets of a JSON text are nested. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/gs)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth);
    else if (token === "]" || token === "}") depth--;
  }
  return deepest;
}

/** Only `All` is known. */
export function isDryRun(query: URLSearchParams): boolean {
  const value = query.get("dryRun");
  if (value === null || value === "") return false;
  if (value === "All") return true;
  throw badRequest(`invalid dry run option: dryRun: Unsupported value: "${value}": supported values: "All"`);
}

/** Whether the first form that is asked for is `PartialObjectMetadata`; heeded for dry runs only. */
export function wantsMetadata(request: Request): boolean {
  const accept = request.headers.get("accept") ?? "";
  return accept.startsWith("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
}
