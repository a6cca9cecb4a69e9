import type { SASLOptions } from "@platformatic/kafka";
import type { SecretKeySelector, SecretReader } from "./source.ts";

/** Those that the client of ours has. */
export const mechanisms = ["PLAIN", "OAUTHBEARER", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/**
 * What a spec's `sasl` says, with its Secrets as they are now. Of OAUTHBEARER the token is the value of `passwordSecret`,
 * read again at each connection: Argo Events has none to give. @throws EngineError SECRET_MISSING
 */
export async function saslLogin(
  mechanism: (typeof mechanisms)[number],
  {
    userSecret,
    passwordSecret,
  }: { readonly userSecret: SecretKeySelector; readonly passwordSecret: SecretKeySelector },
  secret: SecretReader,
): Promise<SASLOptions> {
  const password = await secret.read(passwordSecret);
  if (mechanism === "OAUTHBEARER") return loginByToken(() => secret.read(passwordSecret));
  return { mechanism, username: await secret.read(userSecret), password };
}

/** A broker that refuses a token says so in a successful answer, which is empty otherwise (RFC 7628, 3.2.2). */
export function loginByToken(token: () => Promise<string>): SASLOptions {
  return {
    mechanism: "OAUTHBEARER",
    token,
    authBytesValidator(answer, callback) {
      if (answer.length === 0) callback(null, answer);
      else callback(new Error(`the broker refuses the token: ${answer.toString("utf8").slice(0, 300)}`), answer);
    },
  };
}
