import { type AwsIdentity, type AwsPost, createAwsIdentity } from "../../base/aws-identity.ts";
import { type AwsCredentials, awsEncode, signAwsRequest } from "../../base/aws-signature.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import type { SecretKeySelector } from "../sources/source.ts";
import { checkStatus, readLimited, toHttpError, withAgent } from "./outgoing.ts";
import { shownPayload, withOwnParameters } from "./own-parameters.ts";
import { createRecent, type Recent } from "./recent.ts";
import { prefers, requires, triggerSchema } from "./rules.ts";
import { parametersSchema, payloadSchema, secretKeySchema } from "./schemas.ts";
import { secretHash } from "./secret-hash.ts";
import type { TriggerContext, TriggerKind } from "./trigger.ts";

/** spec argo-events 6.5.4, 1.6 */
export const awsLambdaSchema = {
  type: "object",
  description: "Invokes a function of AWS Lambda.",
  required: ["functionName", "region", "payload"],
  properties: {
    functionName: { type: "string", minLength: 1, description: "The function's name or ARN." },
    region: { type: "string", minLength: 1, description: "The AWS region." },
    accessKey: { ...secretKeySchema, description: "Access key; without keys the surroundings' credentials count." },
    secretKey: { ...secretKeySchema, description: "Secret key; goes with `accessKey`." },
    roleARN: { type: "string", description: "A role to assume; with it the keys have no effect." },
    invocationType: {
      type: "string",
      description: "Whether the answer is awaited, or the event only handed over, or only checked.",
      enum: ["RequestResponse", "Event", "DryRun"],
      default: "RequestResponse",
    },
    endpoint: { type: "string", format: "uri", description: "Ours: the service's URL, where it is not AWS' own." },
    payload: payloadSchema,
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

type AwsLambdaSpec = SpecOf<typeof awsLambdaSchema>;

interface HashedSecret {
  readonly from: SecretKeySelector;
  readonly sha256: string;
}

export interface AwsLambdaPlan {
  readonly url: string;
  readonly region: string;
  readonly invocationType: AwsLambdaSpec["invocationType"];
  readonly payload: JsonValue;
  readonly body: string;
  /** Absent: the surroundings' credentials count, or the role that is taken on with them. */
  readonly keys?: { readonly accessKey: HashedSecret; readonly secretKey: HashedSecret };
  readonly roleARN?: string;
}

const schema = triggerSchema<AwsLambdaSpec>(
  awsLambdaSchema,
  requires({
    functionName: "function name is not specified",
    region: "region in not specified",
    payload: "payload parameters are not specified",
  }),
  prefers("roleARN", "accessKey"),
  prefers("roleARN", "secretKey"),
);

const maxInvoked = 10_000;
/** Roles whose sessions are kept. */
const maxIdentities = 64;

/** As in the original an answer is a success, also of a function that failed: the message says so. */
export function createAwsLambdaTrigger(): TriggerKind<AwsLambdaSpec, AwsLambdaPlan> {
  const invoked = createRecent<true>(maxInvoked);
  const identities = createRecent<AwsIdentity>(maxIdentities);
  return {
    schema,
    async plan(written, _firing, { parameters, secret }) {
      const spec = withOwnParameters(written, schema, "awsLambda", parameters);
      const { functionName, region, endpoint, invocationType, payload, accessKey, secretKey } = spec;
      if (payload.length === 0)
        throw new TerminalError("MANIFEST_INVALID", "awsLambda.payload: payload parameters are not specified");
      const body = parameters.payload(payload, "awsLambda.payload");
      const origin = endpoint?.replace(/\/+$/, "") || `https://lambda.${region}.amazonaws.com`;
      return {
        url: `${origin}/2015-03-31/functions/${awsEncode(functionName)}/invocations`,
        region,
        invocationType,
        payload: shownPayload(body),
        body,
        ...(spec.roleARN && { roleARN: spec.roleARN }),
        ...(!spec.roleARN &&
          accessKey &&
          secretKey && {
            keys: {
              accessKey: { from: accessKey, sha256: secretHash(await secret.read(accessKey)) },
              secretKey: { from: secretKey, sha256: secretHash(await secret.read(secretKey)) },
            },
          }),
      };
    },
    async apply(plan, firing, context, signal) {
      const what = `awsLambda: ${new URL(plan.url).pathname}`;
      if (invoked.find(firing.key)) return { message: `${what} had already been invoked` };
      const { status, functionError, reason } = await invoke(plan, context, identities, signal).catch(
        (error: unknown) => {
          throw toHttpError(error, what);
        },
      );
      checkStatus(status, firing.policy?.status?.allow, reason === "" ? what : `${what}: ${reason}`);
      invoked.set(firing.key, true);
      return {
        message: `${what} answered ${status}${functionError === "" ? "" : `, the function failed: ${functionError}`}`,
      };
    },
  };
}

async function credentialsOf(
  { region, keys, roleARN }: AwsLambdaPlan,
  context: TriggerContext,
  identities: Recent<AwsIdentity>,
  signal: AbortSignal,
): Promise<AwsCredentials> {
  if (keys) {
    const { accessKey, secretKey } = keys;
    return {
      accessKey: (await context.secret.read(accessKey.from)).trim(),
      secretKey: (await context.secret.read(secretKey.from)).trim(),
    };
  }
  const id = `${region} ${roleARN}`;
  const { surroundings, clock } = context;
  const wish = { region, ...(roleARN && { roleARN }) };
  const identity = identities.find(id) ?? createAwsIdentity(wish, { surroundings, post: postOf(context), clock });
  identities.set(id, identity);
  return identity(signal);
}

function postOf(context: TriggerContext): AwsPost {
  return (url, headers, body, signal) =>
    withAgent(context, {}, async (agent) => {
      const { origin, pathname } = new URL(url);
      const request = { origin, path: pathname, method: "POST" as const, headers: { ...headers }, body, signal };
      const response = await agent.request(request);
      return { status: response.statusCode, text: await readLimited(response.body, maxAnswerBytes) };
    });
}

/** A function may take a quarter of an hour. */
const timeoutMs = 16 * 60_000;
const maxAnswerBytes = 8 * 1024 * 1024;

async function invoke(
  plan: AwsLambdaPlan,
  context: TriggerContext,
  identities: Recent<AwsIdentity>,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly functionError: string; readonly reason: string }> {
  const { url, region, invocationType, body } = plan;
  const target = new URL(url);
  const credentials = await credentialsOf(plan, context, identities, signal);
  const headers = { "content-type": "application/json", "x-amz-invocation-type": invocationType };
  const scope = { region, service: "lambda", at: context.clock.now() };
  return withAgent(context, {}, async (agent) => {
    const request = {
      origin: target.origin,
      path: target.pathname,
      method: "POST" as const,
      headers: signAwsRequest({ method: "POST", url: target, headers, body }, credentials, scope),
      body,
      reset: true, // Lambda knows no key of ours: a repeat would run the function twice
      headersTimeout: 0, // the deadline bounds all of it
      bodyTimeout: 0,
    };
    const answer = await agent.ask(request, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    const { "x-amz-function-error": failed, "x-amzn-errortype": refused } = answer.headers;
    const textOf = (value: unknown): string => (typeof value === "string" ? value.slice(0, 200) : "");
    return { status: answer.status, functionError: textOf(failed), reason: textOf(refused) };
  });
}
