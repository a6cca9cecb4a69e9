import type { Authenticator, MsgHdrs, NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import type { natsAuthField, tlsField } from "../../api/value-schemas.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { commonJs } from "../../base/lazy.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { readClientTls } from "./client-tls.ts";
import type { SecretReader, SourceContext } from "./source.ts";

export interface NatsPlace {
  readonly url: string;
  readonly auth?: SpecOf<typeof natsAuthField>;
  readonly tls?: SpecOf<ReturnType<typeof tlsField>>;
}

/**
 * Connects, with the credentials as they are now. With `reconnects` for ever, otherwise a connection that is lost ends.
 * @throws EngineError SOURCE_FAILED
 */
export async function openNats(
  spec: NatsPlace,
  { secret, eventSource, event }: SourceContext,
  { reconnects }: { readonly reconnects: boolean },
): Promise<NatsConnection> {
  const nats = commonJs(await import("@nats-io/transport-node"));
  const options: NodeConnectionOptions = {
    ...serversOf(spec.url),
    ...(await authOf(spec.auth, secret, nats)),
    ...(spec.tls && { tls: await readClientTls(spec.tls, secret) }),
    name: `tiphys ${eventSource}/${event}`,
    reconnect: reconnects,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    reconnectJitter: 500,
    timeout: 10_000,
    pingInterval: 3_000, // a server that is dead shows within three of them
    maxPingOut: 2,
  };
  try {
    return await nats.connect(options);
  } catch (error) {
    const servers = [options.servers].flat().join(",");
    throw new EngineError("SOURCE_FAILED", `cannot connect to NATS at ${servers}: ${messageOf(error)}`, error);
  }
}

/** User and password may be part of the URL. */
function serversOf(url: string): Pick<NodeConnectionOptions, "servers" | "user" | "pass"> {
  let login: Pick<NodeConnectionOptions, "user" | "pass"> = {};
  const servers = url.split(",").map((text) => {
    const match = /^(\w+:\/\/)?(?:([^@/]*)@)?(.+)$/.exec(text.trim());
    if (match?.[2]) {
      const [user = "", pass = ""] = match[2].split(":").map(decodeURIComponent);
      login = { user, pass };
    }
    return `${match?.[1] ?? ""}${match?.[3] ?? text.trim()}`;
  });
  return { servers, ...login };
}

async function authOf(
  auth: NatsPlace["auth"],
  secret: SecretReader,
  nats: {
    nkeyAuthenticator(seed: Uint8Array): Authenticator;
    credsAuthenticator(creds: Uint8Array): Authenticator;
  },
): Promise<Pick<NodeConnectionOptions, "user" | "pass" | "token" | "authenticator">> {
  if (auth?.basic) {
    const { username, password } = auth.basic;
    if (!username || !password) throw new TerminalError("MANIFEST_INVALID", "auth.basic needs username and password");
    const [user, pass] = await Promise.all([secret.read(username), secret.read(password)]);
    return { user, pass };
  }
  if (auth?.token) return { token: await secret.read(auth.token) };
  if (auth?.nkey) return { authenticator: nats.nkeyAuthenticator(Buffer.from((await secret.read(auth.nkey)).trim())) };
  if (auth?.credential) {
    return { authenticator: nats.credsAuthenticator(Buffer.from(await secret.read(auth.credential))) };
  }
  return {};
}

/** Undefined when there is none. */
export function headersOf({
  headers,
}: {
  readonly headers?: MsgHdrs | undefined;
}): Record<string, readonly string[]> | undefined {
  if (!headers) return undefined;
  const names = headers.keys().sort();
  if (names.length === 0) return undefined;
  return Object.fromEntries(names.map((name) => [name, headers.values(name)]));
}
