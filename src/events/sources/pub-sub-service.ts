import { createHash, createSign } from "node:crypto";
import { objectOf, textOf } from "../../api/fields.ts";
import type { ErrorCode } from "../../base/error-codes.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { type JsonObject, parseJson } from "../../base/json.ts";
import { httpPlaces, requirePlace } from "./server-place.ts";
import type { OutgoingResponse, SecretKeySelector, SourceContext } from "./source.ts";

interface ServiceSpec {
  readonly projectID?: string;
  readonly topicProjectID?: string;
  readonly topic?: string;
  readonly subscriptionID?: string;
  readonly credentialSecret?: SecretKeySelector;
  readonly endpoint?: string;
}

/** The service's REST API (its documentation, "pubsub.googleapis.com v1"). */
export interface PubSubService {
  /** `projects/p/subscriptions/s` */
  readonly subscription: string;
  /** `projects/p/topics/t`; undefined: the subscription is there. */
  readonly topic: string | undefined;
  /** @throws EngineError NOT_FOUND for 404, CREDENTIALS_FAILED for 401 and 403, SOURCE_FAILED for other refusals */
  call(method: string, path: string, body: JsonObject | undefined, signal: AbortSignal): Promise<JsonObject>;
}

const origin = "https://pubsub.googleapis.com";
const scope = "https://www.googleapis.com/auth/pubsub";
const permission = "pubsub.subscriptions.consume";

/** @throws TerminalError SOURCE_UNSUPPORTED without credentials, MANIFEST_INVALID without a project; EngineError SECRET_MISSING */
export async function openService(spec: ServiceSpec, context: SourceContext): Promise<PubSubService> {
  const { credentialSecret, endpoint } = spec;
  if (!credentialSecret && !endpoint) {
    throw new TerminalError(
      "SOURCE_UNSUPPORTED",
      "pubSub: the surroundings' credentials are not supported yet: set credentialSecret",
    );
  }
  const account = credentialSecret ? await readAccount(credentialSecret, context) : undefined;
  if (endpoint) requirePlace(endpoint, ["pubSub", "endpoint"], httpPlaces, context);
  const project = spec.projectID || textOf(account?.project_id);
  if (project === "") throw new TerminalError("MANIFEST_INVALID", "pubSub.projectID: is missing");
  const token = account && createTokens(account, context);
  const { topic, topicProjectID } = spec;
  return {
    subscription: `projects/${project}/subscriptions/${spec.subscriptionID || ownName(spec, context)}`,
    topic: topic ? `projects/${topicProjectID || project}/topics/${topic}` : undefined,
    async call(method, path, body, signal) {
      const headers = {
        "content-type": "application/json",
        ...(token && { authorization: `Bearer ${await token(signal)}` }),
      };
      const url = `${endpoint?.replace(/\/+$/, "") || origin}/v1/${path}`;
      const request = { method, url, headers, ...(body && { body: JSON.stringify(body) }) };
      return answerOf(await context.fetch(request, signal), path);
    },
  };
}

/** One of our own for each event and spec, so that what changes starts anew, as in the original. */
function ownName(spec: ServiceSpec, { event }: SourceContext): string {
  return `${event}-${createHash("sha256")
    .update(`${event}${JSON.stringify(spec)}`)
    .digest("hex")
    .slice(0, 8)}`;
}

const codes: Readonly<Record<number, ErrorCode>> = {
  401: "CREDENTIALS_FAILED",
  403: "CREDENTIALS_FAILED",
  404: "NOT_FOUND",
};

function answerOf({ status, text }: OutgoingResponse, path: string): JsonObject {
  const answer = objectOf(readJson(text));
  if (status === 200) return answer;
  const { message } = objectOf(answer.error);
  const reason = textOf(message).slice(0, 500) || "no reason was given";
  throw new EngineError(codes[status] ?? "SOURCE_FAILED", `Pub/Sub: ${path} answered ${status}: ${reason}`);
}

function readJson(text: string) {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

async function readAccount(selector: SecretKeySelector, { secret }: SourceContext): Promise<JsonObject> {
  const account = objectOf(readJson(await secret.read(selector)));
  if (account.type === "service_account" && textOf(account.private_key) !== "") return account;
  const where = `${selector.name}/${selector.key}`;
  throw new EngineError("SECRET_MISSING", `pubSub.credentialSecret: ${where} holds no key of a service account`);
}

/** Access tokens, each for most of its hour (RFC 7523). */
function createTokens(account: JsonObject, { fetch, clock }: SourceContext) {
  let known: { readonly token: string; readonly until: number } | undefined;
  return async (signal: AbortSignal): Promise<string> => {
    const now = clock.now();
    if (known && now < known.until) return known.token;
    const url = textOf(account.token_uri) || "https://oauth2.googleapis.com/token";
    const assertion = signedAssertion(account, url, Math.floor(now / 1_000));
    const body = new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const { status, text } = await fetch({ method: "POST", url, headers, body: body.toString() }, signal);
    const { access_token, expires_in, error } = objectOf(readJson(text));
    if (status !== 200 || textOf(access_token) === "") {
      const isRefused = status === 400 || status === 401;
      const code = isRefused ? "CREDENTIALS_FAILED" : "SOURCE_FAILED";
      throw new EngineError(code, `Pub/Sub: no access token: ${textOf(error) || status}`);
    }
    known = { token: textOf(access_token), until: now + (Number(expires_in) || 600) * 900 };
    return known.token;
  };
}

function signedAssertion(account: JsonObject, audience: string, seconds: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: textOf(account.client_email), scope, aud: audience, iat: seconds, exp: seconds + 3_600 };
  const text = `${part({ alg: "RS256", typ: "JWT", kid: textOf(account.private_key_id) })}.${part(claims)}`;
  try {
    return `${text}.${createSign("RSA-SHA256").update(text).sign(textOf(account.private_key), "base64url")}`;
  } catch (error) {
    throw new EngineError(
      "SECRET_MISSING",
      `pubSub.credentialSecret: its private key cannot be used: ${messageOf(error)}`,
    );
  }
}

/** One that is there must be of the topic, as far as we may see it; one that is not is made, its topic as well. */
export async function ensureSubscription(
  { subscription, topic, call }: PubSubService,
  signal: AbortSignal,
): Promise<void> {
  if (await isThere(subscription, call, signal)) {
    const seen = await call("GET", subscription, undefined, signal).catch(() => ({}) as JsonObject);
    const other = textOf(seen.topic);
    if (topic === undefined || other === "" || other === topic) return;
    throw new TerminalError("SOURCE_FAILED", `Pub/Sub: ${subscription} is one of ${other}, not of ${topic}`);
  }
  if (topic === undefined)
    throw new EngineError("NOT_FOUND", `Pub/Sub: there is no ${subscription}, and no topic to make it of`);
  try {
    await call("PUT", subscription, { topic }, signal);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "NOT_FOUND") throw error;
    await call("PUT", topic, {}, signal);
    await call("PUT", subscription, { topic }, signal);
  }
}

/** Asked by the right to consume, which a subscriber has; emulators do not know that question. */
async function isThere(subscription: string, call: PubSubService["call"], signal: AbortSignal): Promise<boolean> {
  try {
    const { permissions } = await call(
      "POST",
      `${subscription}:testIamPermissions`,
      { permissions: [permission] },
      signal,
    );
    if (Array.isArray(permissions) && permissions.includes(permission)) return true;
    await call("GET", subscription, undefined, signal);
    return true;
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "NOT_FOUND") throw error;
    return false;
  }
}
