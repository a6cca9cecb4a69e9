import { EngineError, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import { readLimited, toHttpError, withAgent } from "./outgoing.ts";
import { secretKeySchema } from "./schemas.ts";
import type { TriggerContext } from "./trigger.ts";
import type { WorkflowArgs } from "./workflow-args.ts";

export const workflowServerSchema = {
  type: "object",
  description: "Ours: the Argo Server that does it; without one the Kubernetes API is asked.",
  required: ["url"],
  properties: {
    url: { type: "string", minLength: 1, format: "uri", description: "Its URL: `https://argo-server.argo:2746`." },
    token: { ...secretKeySchema, description: "The token, sent as `Authorization: Bearer`." },
    caCertSecret: { ...secretKeySchema, description: "Authority that the server is checked against." },
    insecureSkipVerify: { type: "boolean", description: "Takes any server for the right one.", default: false },
  },
} as const satisfies JsonSchema;

export type WorkflowServer = SpecOf<typeof workflowServerSchema>;

/** A request to the Argo Server's REST API, as a plan shows it. */
export interface ServerRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly body?: JsonObject;
}

type Named = Pick<ObjectRef, "name" | "namespace">;

function pathOf({ name, namespace = "default" }: Named): string {
  return `/api/v1/workflows/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

/** What there is under a name. */
export function readRequest(ref: Named): ServerRequest {
  return { method: "GET", path: pathOf(ref) };
}

/** https://argo-workflows.readthedocs.io/en/latest/swagger: a new Workflow. */
export function createRequest(workflow: KubeObject, namespace: string): ServerRequest {
  return {
    method: "POST",
    path: `/api/v1/workflows/${encodeURIComponent(namespace)}`,
    body: { workflow: workflow as unknown as JsonObject },
  };
}

/** `submit-from`: the server makes the Workflow of the template. `marks` are annotations that tell a repeat. */
export function submitRequest(
  template: KubeObject,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  args: WorkflowArgs,
  { labels, annotations: marks }: Pick<KubeObject["metadata"], "labels" | "annotations">,
): ServerRequest {
  const { parameters, entrypoint, serviceAccount, priority } = args;
  const pairs = (map: Readonly<Record<string, string>>): string =>
    Object.entries(map)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
  return {
    method: "POST",
    path: `/api/v1/workflows/${encodeURIComponent(namespace)}/submit`,
    body: {
      namespace,
      resourceKind: template.kind,
      resourceName: template.metadata.name ?? "",
      submitOptions: {
        name,
        parameters: parameters.map((one) => `${one.name}=${one.value}`),
        labels: pairs({ ...labels, ...args.labels }),
        annotations: pairs({ ...marks, ...args.annotations }),
        ...(entrypoint !== undefined && { entryPoint: entrypoint }),
        ...(serviceAccount !== undefined && { serviceAccount }),
        ...(priority !== undefined && { priority }),
      },
    },
  };
}

/** What is done to a Workflow that there is. */
export function operationRequest(operation: string, ref: Named, args: WorkflowArgs): ServerRequest {
  const { name, namespace = "default" } = ref;
  const { parameters, memoized, restartSuccessful, nodeFieldSelector, message } = args;
  const given = parameters.length > 0 && { parameters: parameters.map((one) => `${one.name}=${one.value}`) };
  return {
    method: "PUT",
    path: `${pathOf(ref)}/${operation}`,
    body: {
      name,
      namespace,
      ...given,
      ...(memoized && { memoized }),
      ...(restartSuccessful && { restartSuccessful }),
      ...(nodeFieldSelector !== undefined && { nodeFieldSelector }),
      ...(message !== undefined && { message }),
    },
  };
}

const requestTimeoutMs = 60_000;
const maxAnswerBytes = 16 * 1024 * 1024;

/** The Workflow that the server answers with; undefined for 409, when one of that name is there. */
export async function askServer(
  server: WorkflowServer,
  { method, path, body }: ServerRequest,
  context: TriggerContext,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const { origin, pathname } = new URL(server.url);
  const { secret } = context;
  const token = server.token && (await secret.read(server.token));
  const ca = server.caCertSecret && (await secret.read(server.caCertSecret));
  const tls = { ...(ca && { ca }), ...(server.insecureSkipVerify && { rejectUnauthorized: false }) };
  const what = `argoWorkflow: ${method} ${origin}${path}`;
  let answer: { readonly status: number; readonly text: string };
  try {
    answer = await withAgent(context, tls, async (agent) => {
      const response = await agent.request({
        origin,
        path: pathname.replace(/\/$/, "") + path,
        method,
        headers: {
          "content-type": "application/json",
          ...(token && { authorization: `Bearer ${token.replace(/^Bearer /, "")}` }),
        },
        ...(body && { body: JSON.stringify(body) }),
        // A new Workflow has a name of ours, so that a repeat makes no second one; what PUTs do may be done twice.
        reset: method === "PUT",
        signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
      });
      return { status: response.statusCode, text: await readLimited(response.body, maxAnswerBytes) };
    });
  } catch (error) {
    throw toHttpError(error, what);
  }
  if (answer.status === 409) return undefined;
  return workflowOf(answer, what);
}

function workflowOf({ status, text }: { readonly status: number; readonly text: string }, what: string): KubeObject {
  if (status === 200) {
    const workflow = parseJson(text);
    if (isJsonObject(workflow) && isJsonObject(workflow.metadata)) return workflow as unknown as KubeObject;
    throw new EngineError("HTTP_FAILED", `${what}: the answer is no Workflow`);
  }
  const message = `${what} answered ${status}: ${messageIn(text)}`;
  const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429;
  throw isFinal ? new TerminalError("HTTP_FAILED", message) : new EngineError("HTTP_FAILED", message);
}

/** gRPC gateways say `message`. */
function messageIn(text: string): string {
  try {
    const body = parseJson(text);
    if (isJsonObject(body) && typeof body.message === "string") return body.message.slice(0, 300);
  } catch {
    // not JSON: a proxy's page
  }
  return "no reason given";
}
