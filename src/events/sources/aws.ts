import { type AwsIdentity, type AwsPost, createAwsIdentity } from "../../base/aws-identity.ts";
import { signAwsRequest } from "../../base/aws-signature.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, parseJson } from "../../base/json.ts";
import type { SecretKeySelector, SourceContext } from "./source.ts";

interface AwsSpec {
  readonly region: string;
  readonly endpoint?: string;
  readonly accessKey?: SecretKeySelector;
  readonly secretKey?: SecretKeySelector;
  readonly sessionToken?: SecretKeySelector;
  readonly roleARN?: string;
}

export interface AwsAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * One signed POST to the service's API; secrets are read again for each, so that a rotation is seen.
 * @throws EngineError SOURCE_FAILED for an answer that is an error, with the service's name of it; HTTP_FAILED
 */
export type AwsCall = (
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
) => Promise<AwsAnswer>;

/** @throws TerminalError CREDENTIALS_FAILED without keys, where the process has no identity to give */
export function createAwsCall(service: "sqs" | "sns", spec: AwsSpec, context: SourceContext): AwsCall {
  const { region } = spec;
  const suffix = region.startsWith("cn-") ? ".com.cn" : ".com";
  const url = new URL(spec.endpoint || `https://${service}.${region}.amazonaws${suffix}`);
  const credentials = credentialsOf(spec, context);
  return async (headers, body, signal) => {
    const scope = { region, service, at: context.clock.now() };
    const { host: _, ...signed } = signAwsRequest(
      { method: "POST", url, headers, body },
      await credentials(signal),
      scope,
    );
    const answer = await context.fetch({ method: "POST", url: url.href, headers: signed, body }, signal);
    if (answer.status === 200) return answer;
    throw new EngineError(
      "SOURCE_FAILED",
      `${service} at ${url.host} answered ${answer.status}: ${reasonOf(answer.text)}`,
    );
  };
}

function credentialsOf(spec: AwsSpec, { secret, fetch, surroundings, clock }: SourceContext): AwsIdentity {
  const { region, accessKey, secretKey, sessionToken, roleARN } = spec;
  if (roleARN || !accessKey || !secretKey) {
    const post: AwsPost = (url, headers, body, signal) => fetch({ method: "POST", url, headers, body }, signal);
    return createAwsIdentity({ region, ...(roleARN && { roleARN }) }, { surroundings, post, clock });
  }
  return async () => ({
    accessKey: (await secret.read(accessKey)).trim(),
    secretKey: (await secret.read(secretKey)).trim(),
    ...(sessionToken && { sessionToken: (await secret.read(sessionToken)).trim() }),
  });
}

/** The service's own name of an error, and its message; both protocols. */
function reasonOf(text: string): string {
  const json = readError(text);
  const [, code] = /<Code>([^<]{1,200})<\/Code>/.exec(text) ?? [];
  const [, message] = /<Message>([^<]{1,500})<\/Message>/.exec(text) ?? [];
  const parts = json ?? [code, message];
  return parts.filter((part) => part !== undefined && part !== "").join(": ") || "no reason was given";
}

function readError(text: string): readonly (string | undefined)[] | undefined {
  try {
    const value = parseJson(text);
    if (!isJsonObject(value)) return undefined;
    const { __type, message, Message } = value;
    const said = message ?? Message;
    return [String(__type ?? "").replace(/^.*#/, ""), typeof said === "string" ? said.slice(0, 500) : undefined];
  } catch {
    return undefined;
  }
}
