import type { SASLOptions } from "@platformatic/kafka";
import { createAwsIdentity } from "../../base/aws-identity.ts";
import { presignAwsUrl } from "../../base/aws-signature.ts";
import { TerminalError } from "../../base/errors.ts";
import { loginByToken, mechanisms, saslLogin } from "./kafka-sasl.ts";
import type { KafkaSpec } from "./kafka-spec.ts";
import type { SourceContext } from "./source.ts";

/**
 * How a source says who it is: what it is asked for at each connection is read then, so that a rotation needs no new member
 * of the group. What is missing is said now.
 * @throws EngineError SECRET_MISSING, CREDENTIALS_FAILED; TerminalError SOURCE_UNSUPPORTED
 */
export async function kafkaLogin(
  { sasl, awsMskIamAuth }: KafkaSpec,
  context: SourceContext,
  signal: AbortSignal,
): Promise<SASLOptions | undefined> {
  if (awsMskIamAuth) {
    const token = mskToken(awsMskIamAuth.region ?? "", context, signal);
    await token(); // what is wrong with the credentials is said by name, not as a connection that failed
    return loginByToken(token);
  }
  const { userSecret, passwordSecret, mechanism: asked } = sasl ?? {};
  const mechanism = mechanisms.find((known) => known === (asked || "PLAIN"));
  if (!mechanism) {
    const where = `spec.kafka.${context.event}.sasl.mechanism`;
    throw new TerminalError("SOURCE_UNSUPPORTED", `${where} ${asked} is not supported yet`);
  }
  if (!userSecret || !passwordSecret) return undefined;
  const { secret } = context;
  const login = await saslLogin(mechanism, { userSecret, passwordSecret }, secret);
  if (mechanism === "OAUTHBEARER") return login;
  return { ...login, username: () => secret.read(userSecret), password: () => secret.read(passwordSecret) };
}

const mskSeconds = 900;

/** What Amazon MSK takes for a token: a signed URL that nobody requests. */
function mskToken(region: string, context: SourceContext, signal: AbortSignal): () => Promise<string> {
  const { fetch, surroundings, clock } = context;
  const identity = createAwsIdentity(
    { region },
    { surroundings, clock, post: (url, headers, body, stop) => fetch({ method: "POST", url, headers, body }, stop) },
  );
  const suffix = region.startsWith("cn-") ? ".com.cn" : ".com";
  const url = new URL(`https://kafka.${region}.amazonaws${suffix}/?Action=kafka-cluster%3AConnect`);
  return async () => {
    const scope = { region, service: "kafka-cluster", at: clock.now() };
    const signed = presignAwsUrl(url, await identity(signal), scope, mskSeconds);
    signed.searchParams.set("User-Agent", "tiphys");
    return Buffer.from(signed.href).toString("base64url");
  };
}
