import { readFile } from "node:fs/promises";
import { type AwsCredentials, signAwsRequest } from "./aws-signature.ts";
import type { Clock } from "./clock.ts";
import { EngineError, messageOf, TerminalError } from "./errors.ts";

/** Who we are towards AWS where no keys are given (spec argo-events 1.6). */

/** What AWS says of this process in its environment: `AWS_*`. Undefined: the process acts for others, and has none to give. */
export type AwsSurroundings = Readonly<Record<string, string>> | undefined;

/** One POST; any status is an answer. */
export type AwsPost = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
) => Promise<{ readonly status: number; readonly text: string }>;

export interface AwsIdentityDeps {
  readonly surroundings: AwsSurroundings;
  readonly post: AwsPost;
  readonly clock: Pick<Clock, "now">;
}

export interface AwsWish {
  readonly region: string;
  /** Taken on with the surroundings' credentials. */
  readonly roleARN?: string;
}

/** Credentials that are good now; those that end are asked for again in time. @throws EngineError CREDENTIALS_FAILED */
export type AwsIdentity = (signal: AbortSignal) => Promise<AwsCredentials>;

interface Session {
  readonly credentials: AwsCredentials;
  /** In milliseconds since 1970. */
  readonly endsAt: number;
}

/** A session is not used in its last minutes: a request may be long under way. */
const marginMs = 5 * 60_000;

/** @throws TerminalError CREDENTIALS_FAILED where this process has no identity to give */
export function createAwsIdentity({ region, roleARN }: AwsWish, deps: AwsIdentityDeps): AwsIdentity {
  const { surroundings, clock } = deps;
  if (surroundings === undefined) throw new TerminalError("CREDENTIALS_FAILED", notOurs);
  const sts = createSts(region, surroundings, deps);
  const own = keysOf(surroundings);
  const ambient = own ? async () => own : cached(clock, (signal) => webIdentity(surroundings, sts, signal));
  if (!roleARN) return ambient;
  return cached(clock, async (signal) =>
    sts({ Action: "AssumeRole", RoleArn: roleARN, RoleSessionName: "tiphys" }, await ambient(signal), signal),
  );
}

const notOurs =
  "roles and the surroundings' credentials are those of a Pod: set accessKey and secretKey, " +
  "or give it a Pod of its own (an EventBus of kind jetstream, and an engine with --image)";

function keysOf(surroundings: Readonly<Record<string, string>>): AwsCredentials | undefined {
  const { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_SESSION_TOKEN } = surroundings;
  if (!accessKey || !secretKey) return undefined;
  return { accessKey, secretKey, ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }) };
}

/** What EKS gives to Pods of an annotated service account. */
async function webIdentity(
  surroundings: Readonly<Record<string, string>>,
  sts: Sts,
  signal: AbortSignal,
): Promise<Session> {
  const { AWS_ROLE_ARN: RoleArn, AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_SESSION_NAME } = surroundings;
  if (!RoleArn || !file) {
    throw new EngineError(
      "CREDENTIALS_FAILED",
      "this process has no identity of AWS: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor AWS_ROLE_ARN and " +
        "AWS_WEB_IDENTITY_TOKEN_FILE are set",
    );
  }
  const WebIdentityToken = await readToken(file);
  const RoleSessionName = AWS_ROLE_SESSION_NAME || "tiphys";
  return sts({ Action: "AssumeRoleWithWebIdentity", RoleArn, RoleSessionName, WebIdentityToken }, undefined, signal);
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    const message = `AWS_WEB_IDENTITY_TOKEN_FILE: "${file}" cannot be read: ${messageOf(error)}`;
    throw new EngineError("CREDENTIALS_FAILED", message, error);
  }
}

type Sts = (
  parameters: Readonly<Record<string, string>>,
  credentials: AwsCredentials | undefined,
  signal: AbortSignal,
) => Promise<Session>;

/** Of the region, as the SDKs do by now; `AWS_ENDPOINT_URL_STS` names another server. */
function createSts(region: string, surroundings: Readonly<Record<string, string>>, deps: AwsIdentityDeps): Sts {
  const suffix = region.startsWith("cn-") ? ".com.cn" : ".com";
  const url = new URL(surroundings.AWS_ENDPOINT_URL_STS || `https://sts.${region}.amazonaws${suffix}`);
  return async (parameters, credentials, signal) => {
    const body = new URLSearchParams({ Version: "2011-06-15", ...parameters }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const scope = { region, service: "sts", at: deps.clock.now() };
    const { host: _, ...signed }: Record<string, string> = credentials
      ? signAwsRequest({ method: "POST", url, headers, body }, credentials, scope)
      : headers;
    const { status, text } = await deps.post(url.href, signed, body, signal);
    const field = (name: string): string => elementOf(text, name);
    if (status !== 200) {
      const what = `${parameters.Action} of ${parameters.RoleArn} at ${url.host}`;
      throw new EngineError("CREDENTIALS_FAILED", `${what}: status ${status} ${field("Code")}: ${field("Message")}`);
    }
    const [accessKey, secretKey, sessionToken] = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(field);
    const endsAt = Date.parse(field("Expiration"));
    if (!accessKey || !secretKey || !sessionToken || Number.isNaN(endsAt)) {
      throw new EngineError("CREDENTIALS_FAILED", `${url.host} gave no credentials: is it the STS of AWS?`);
    }
    return { credentials: { accessKey, secretKey, sessionToken }, endsAt };
  };
}

/** The text of the first element of a name. */
function elementOf(xml: string, name: string): string {
  const start = xml.indexOf(`<${name}>`) + name.length + 2;
  const end = xml.indexOf(`</${name}>`, start);
  return start < name.length + 2 || end < 0 ? "" : xml.slice(start, Math.min(end, start + 4_096));
}

/** Who asks at once shares one request; a failure is forgotten. */
function cached(clock: Pick<Clock, "now">, ask: (signal: AbortSignal) => Promise<Session>): AwsIdentity {
  let session: Session | undefined;
  let asking: Promise<Session> | undefined;
  return async (signal) => {
    if (session && session.endsAt - marginMs > clock.now()) return session.credentials;
    asking ??= ask(signal).finally(() => {
      asking = undefined;
    });
    session = await asking;
    return session.credentials;
  };
}
