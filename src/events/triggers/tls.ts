import type { SpecOf } from "../../base/schema-type.ts";
import type { TlsOptions } from "./outgoing.ts";
import type { tlsSchema } from "./schemas.ts";
import type { TriggerContext } from "./trigger.ts";

export type TlsSpec = SpecOf<typeof tlsSchema>;

/** What `tls` says, with the Secrets it names (spec argo-events 1.4): unverified TLS sends no certificate of ours. */
export async function readTls(spec: TlsSpec, { secret }: Pick<TriggerContext, "secret">): Promise<TlsOptions> {
  if (spec.insecureSkipVerify) return { rejectUnauthorized: false };
  const { caCertSecret, clientCertSecret, clientKeySecret } = spec;
  return {
    ...(caCertSecret && { ca: await secret.read(caCertSecret) }),
    ...(clientCertSecret && clientKeySecret
      ? { cert: await secret.read(clientCertSecret), key: await secret.read(clientKeySecret) }
      : {}),
  };
}
