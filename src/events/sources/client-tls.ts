import type { ClientTls, SecretKeySelector, SecretReader } from "./source.ts";

/** A spec's `tls` (spec argo-events 1.4). */
export interface TlsSpec {
  readonly caCertSecret?: SecretKeySelector;
  readonly clientCertSecret?: SecretKeySelector;
  readonly clientKeySecret?: SecretKeySelector;
  readonly insecureSkipVerify: boolean;
}

/** Read at each connection, so that a rotation is seen. @throws EngineError SECRET_MISSING */
export async function readClientTls(tls: TlsSpec, secret: SecretReader): Promise<ClientTls> {
  if (tls.insecureSkipVerify) return { rejectUnauthorized: false };
  const { caCertSecret, clientCertSecret, clientKeySecret } = tls;
  return {
    ...(caCertSecret && { ca: await secret.read(caCertSecret) }),
    ...(clientCertSecret && clientKeySecret
      ? { cert: await secret.read(clientCertSecret), key: await secret.read(clientKeySecret) }
      : {}),
  };
}

/** User and password of a spec's `auth` (spec argo-events 1.5). */
export async function readBasicAuth(
  auth: { readonly username?: SecretKeySelector; readonly password?: SecretKeySelector } | undefined,
  secret: SecretReader,
): Promise<{ readonly username: string; readonly password: string } | undefined> {
  if (!auth?.username || !auth.password) return undefined;
  const [username, password] = await Promise.all([secret.read(auth.username), secret.read(auth.password)]);
  return { username, password };
}
