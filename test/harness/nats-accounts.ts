import { randomUUID } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";
import { generate } from "selfsigned";

type KeyPair = ReturnType<typeof nkeys.createUser>;

const noLimits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const allStorage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** A server that trusts an operator's key, and the creds of a user of one account of it. */
export function operatorSetup(): { readonly config: string; readonly creds: string } {
  const operator = nkeys.createOperator();
  const system = nkeys.createAccount();
  const account = nkeys.createAccount();
  const user = nkeys.createUser();
  const systemId = system.getPublicKey();
  const operatorJwt = jwt(operator, operator, "operator", { type: "operator", system_account: systemId });
  const accountOf = (key: KeyPair, limits: object): string =>
    jwt(key, operator, "account", { type: "account", limits: { ...noLimits, ...limits } });
  const userJwt = jwt(user, account, "user", { type: "user", subs: -1, data: -1, payload: -1 });
  return {
    config: [
      `operator: ${operatorJwt}`,
      `system_account: ${systemId}`,
      "resolver: MEMORY",
      `resolver_preload: { ${systemId}: ${accountOf(system, {})}, ${account.getPublicKey()}: ${accountOf(account, allStorage)} }`,
    ].join("\n"),
    creds: [
      "-----BEGIN NATS USER JWT-----",
      userJwt,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      Buffer.from(user.getSeed()).toString(),
      "------END USER NKEY SEED------",
      "",
    ].join("\n"),
  };
}

function jwt(subject: KeyPair, issuer: KeyPair, name: string, nats: object): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    jti: randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name,
    nats: { version: 2, ...nats },
  };
  const text = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString("base64url")}`;
}

export interface TlsSetup {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** An authority, a server on loopback and a client, all with keys of their own. PEM texts. */
export async function tlsSetup(): Promise<TlsSetup> {
  const options = { keyType: "ec", curve: "P-256", algorithm: "sha256" } as const;
  const authority = await generate([{ name: "commonName", value: "test authority" }], {
    ...options,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, critical: true },
    ],
  });
  const ca = { key: authority.private, cert: authority.cert };
  const server = await generate([{ name: "commonName", value: "server" }], {
    ...options,
    ca,
    extensions: [
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
  const client = await generate([{ name: "commonName", value: "client" }], {
    ...options,
    ca,
    extensions: [{ name: "extKeyUsage", clientAuth: true }],
  });
  return {
    ca: authority.cert,
    server: { cert: server.cert, key: server.private },
    client: { cert: client.cert, key: client.private },
  };
}
