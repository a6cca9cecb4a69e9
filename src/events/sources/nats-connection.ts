import type { JsMsg } from "@nats-io/jetstream";
import type { Authenticator, Msg, MsgHdrs, NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
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

/** As far as they are read: the client compares each name with all before it. */
const maxHeaderBytes = 32 * 1024;

/**
 * Undefined when there are none, and, said in the log, when they cannot be read: as in Go's client the message is taken
 * without them. Names that Go takes and HTTP does not are such, and more than 32 KiB.
 */
export function readHeaders(message: Msg | JsMsg, { log }: Pick<SourceContext, "log">): MsgHdrs | undefined {
  const { subject } = message;
  try {
    const bytes = headerBytes(message);
    if (bytes <= maxHeaderBytes) return message.headers;
    log.warn("message taken without its headers: they are too large", { subject, bytes, most: maxHeaderBytes });
  } catch (error) {
    log.warn("message taken without its headers: they cannot be read", { subject, error });
  }
  return undefined;
}

/** With those of the addresses, which are short. The client knows a whole message's size; its types do not tell. */
function headerBytes(message: Msg | JsMsg): number {
  const own = ("msg" in message ? message.msg : message) as { readonly size?: () => number };
  return (own.size?.() ?? 0) - message.data.length;
}

/** As events show them; undefined when there are none. */
export function headersOf(headers: MsgHdrs | undefined): Record<string, readonly string[]> | undefined {
  if (!headers) return undefined;
  const named = [...headers].sort(([a], [b]) => (a < b ? -1 : 1));
  return named.length === 0 ? undefined : Object.fromEntries(named);
}
