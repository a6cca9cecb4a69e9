import { errorAt, textOf } from "../../api/fields.ts";
import { TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import type { SecretKeySelector } from "../sources/source.ts";
import { effectHash } from "./object-effect.ts";
import { checkStatus, toHttpError, withAgent } from "./outgoing.ts";
import { shownPayload, withOwnParameters } from "./own-parameters.ts";
import { requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { parametersSchema, payloadSchema, secretKeySchema } from "./schemas.ts";
import { secretHash } from "./secret-hash.ts";
import type { TriggerKind } from "./trigger.ts";

/** spec argo-events 6.5.11 */
export const openWhiskSchema = {
  type: "object",
  description: "Invokes an action of Apache OpenWhisk and waits for it.",
  required: ["host", "actionName", "payload"],
  properties: {
    host: { type: "string", minLength: 1, description: "URL of the OpenWhisk server." },
    actionName: { type: "string", minLength: 1, description: "The action or function." },
    namespace: { type: "string", description: "Namespace of the action.", default: "_" },
    version: { type: "string", description: "Version of the server's API.", default: "v1" },
    authToken: { ...secretKeySchema, description: "The token for the server." },
    payload: payloadSchema,
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

type OpenWhiskSpec = SpecOf<typeof openWhiskSchema>;

export interface OpenWhiskPlan {
  readonly url: string;
  readonly payload: JsonValue;
  readonly body: string;
  readonly token?: { readonly from: SecretKeySelector; readonly sha256: string };
}

const tokenRule: TriggerRule = ({ authToken }, path) => {
  if (!isJsonObject(authToken) || (textOf(authToken.name) !== "" && textOf(authToken.key) !== "")) return [];
  return [errorAt(`${path}.authToken`, "auth token key and name must be specified")];
};

const schema = triggerSchema<OpenWhiskSpec>(
  openWhiskSchema,
  requires({
    actionName: "action name is not specified",
    host: "host URL is not specified",
    payload: "payload parameters are not specified",
  }),
  tokenRule,
);

/** An action that fails is a failure, unless `policy.status` takes its status. */
export const openWhiskTrigger: TriggerKind<OpenWhiskSpec, OpenWhiskPlan> = {
  schema,
  async plan(written, _firing, { parameters, secret }) {
    const spec = withOwnParameters(written, schema, "openWhisk", parameters);
    const { host, namespace, version, actionName, payload, authToken } = spec;
    const base = URL.parse(/^https?:\/\//.test(host) ? host : `https://${host}`);
    if (!base) throw new TerminalError("MANIFEST_INVALID", `openWhisk.host: "${host.slice(0, 80)}" must be a URL`);
    if (payload.length === 0)
      throw new TerminalError("MANIFEST_INVALID", "openWhisk.payload: payload parameters are not specified");
    const action = actionName.split("/").map(encodeURIComponent).join("/");
    const path = `/api/${encodeURIComponent(version)}/namespaces/${encodeURIComponent(namespace)}/actions/${action}`;
    const body = parameters.payload(payload, "openWhisk.payload");
    return {
      url: `${base.origin}${path}?blocking=true&result=true`,
      payload: shownPayload(body),
      body,
      ...(authToken && { token: { from: authToken, sha256: secretHash(await secret.read(authToken)) } }),
    };
  },
  async apply({ url, body, token }, firing, context, signal) {
    const { origin, pathname, search } = new URL(url);
    const login = token && (await context.secret.read(token.from));
    const what = `openWhisk: POST ${origin}${pathname}`;
    const headers = {
      "content-type": "application/json",
      "Idempotency-Key": effectHash(firing),
      ...(login && { authorization: `Basic ${Buffer.from(login).toString("base64")}` }),
    };
    const request = {
      origin,
      path: pathname + search,
      method: "POST" as const,
      headers,
      body,
      reset: true, // OpenWhisk itself knows no such key: a repeat would run the action twice
      headersTimeout: 0, // the deadline bounds all of it
      bodyTimeout: 0,
    };
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const { status } = await withAgent(context, {}, (agent) => agent.ask(request, deadline)).catch((error: unknown) => {
      throw toHttpError(error, what);
    });
    checkStatus(status, firing.policy?.status?.allow, what);
    return { message: `${what} answered ${status}` };
  },
};

/** Blocking invocations take a minute at most, then the server answers 202. */
const timeoutMs = 120_000;
