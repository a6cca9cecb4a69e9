import type { Authenticator, NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { objectOf, warningAt } from "../../api/fields.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import { commonJs } from "../../base/lazy.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import type { TraceContext } from "../../record/trace-context.ts";
import { traceOf } from "./hops.ts";
import { effectHash } from "./object-effect.ts";
import { decoded } from "./outgoing.ts";
import { shownPayload, withOwnParameters } from "./own-parameters.ts";
import { has, requires, type TriggerRule, tlsRule, triggerSchema } from "./rules.ts";
import { basicAuthSchema, parametersSchema, payloadSchema, secretKeySchema, tlsSchema } from "./schemas.ts";
import { secretHash } from "./secret-hash.ts";
import { readTls } from "./tls.ts";
import type { PooledClient, TriggerContext, TriggerKind } from "./trigger.ts";

/** spec argo-events 6.5.6, 1.5 */
export const natsSchema = {
  type: "object",
  description: "Publishes a message on a subject of NATS.",
  required: ["url", "subject", "payload"],
  properties: {
    url: { type: "string", minLength: 1, description: "The NATS server: `nats://host:4222`." },
    subject: { type: "string", minLength: 1, description: "The subject; events change it as `nats.subject`." },
    payload: payloadSchema,
    parameters: parametersSchema,
    tls: tlsSchema,
    auth: {
      type: "object",
      description: "Credentials; the first counts of basic, token, nkey and credential.",
      properties: {
        basic: basicAuthSchema,
        token: { ...secretKeySchema, description: "A token." },
        nkey: { ...secretKeySchema, description: "The seed of an nkey." },
        credential: { ...secretKeySchema, description: "A .creds file." },
      },
    },
  },
} as const satisfies JsonSchema;

type NatsSpec = SpecOf<typeof natsSchema>;

export interface NatsPlan {
  readonly url: string;
  readonly subject: string;
  readonly payload: JsonValue;
  /** Sent as `Nats-Msg-Id`: a stream of JetStream keeps a repeat once. */
  readonly messageId: string;
  /** Sent along where the server takes headers. */
  readonly trace?: TraceContext;
  readonly tls?: NonNullable<NatsSpec["tls"]>;
  readonly auth?: NonNullable<NatsSpec["auth"]>;
  readonly body: string;
}

const subjectRule: TriggerRule = ({ subject }, path) =>
  typeof subject === "string" && /[\s*>]|^\.|\.$|\.\./.test(subject)
    ? [warningAt(`${path}.subject`, `${JSON.stringify(subject)} is no subject that one can publish on`)]
    : [];

const authRule: TriggerRule = ({ auth }, path) => {
  const [first, ...others] = ["basic", "token", "nkey", "credential"].filter((name) => has(objectOf(auth)[name]));
  return others.map((name) => warningAt(`${path}.auth.${name}`, `has no effect beside ${first}`));
};

const schema = triggerSchema<NatsSpec>(
  natsSchema,
  requires({
    url: "nats server url can't be empty",
    subject: "nats subject can't be empty",
    payload: "payload can't be nil",
  }),
  subjectRule,
  authRule,
  tlsRule,
);

/** Waits until the server has the message, which the original does not. */
export const natsTrigger: TriggerKind<NatsSpec, NatsPlan> = {
  schema,
  async plan(written, firing, { parameters }) {
    const { url, subject, payload, tls, auth } = withOwnParameters(written, schema, "nats", parameters);
    if (payload.length === 0)
      throw new TerminalError("MANIFEST_INVALID", "nats.payload: payload parameters are not specified");
    if (/[\s*>]|^\.|\.$|\.\./.test(subject)) {
      throw new TerminalError(
        "MANIFEST_INVALID",
        `nats.subject: "${subject.slice(0, 80)}" is no subject to publish on`,
      );
    }
    const body = parameters.payload(payload, "nats.payload");
    const trace = traceOf(firing);
    const plan = { url, subject, payload: shownPayload(body), messageId: effectHash(firing), body };
    return { ...plan, ...(trace && { trace }), ...(tls && { tls }), ...(auth && { auth }) };
  },
  async apply(plan, _firing, context) {
    const { options, key } = await connectionOf(plan, context);
    const where = serverNames(options);
    try {
      await context.clients.use(
        key,
        () => open(options),
        (connection) => publish(connection, plan),
      );
    } catch (error) {
      if (error instanceof EngineError) throw error;
      throw new EngineError("TRIGGER_FAILED", `nats ${where}: ${messageOf(error)}`, error);
    }
    return { message: `published ${Buffer.byteLength(plan.body)} bytes on ${plan.subject} at ${where}` };
  },
};

async function publish(connection: NatsConnection, { subject, body, messageId, trace }: NatsPlan): Promise<void> {
  const { headers } = commonJs(await import("@nats-io/transport-node"));
  const known = headers();
  known.set("Nats-Msg-Id", messageId);
  for (const [name, value] of Object.entries(trace ?? {})) known.set(name, value);
  connection.publish(subject, body, connection.info?.headers === true ? { headers: known } : {});
  await withinEnd(connection, connection.flush());
}

const flushTimeoutMs = 10_000;

/** A flush on a connection that ends meanwhile is never answered. */
async function withinEnd(connection: NatsConnection, flushed: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = setTimeout(() => reject(new Error(`no answer within ${flushTimeoutMs / 1_000} s`)), flushTimeoutMs);
  void connection.closed().then((error) => reject(error ?? new Error("the connection ended")));
  flushed.catch(() => undefined);
  promise.catch(() => undefined);
  try {
    await Promise.race([flushed, promise]);
  } finally {
    clearTimeout(late);
  }
}

async function open(options: NodeConnectionOptions): Promise<PooledClient<NatsConnection>> {
  const nats = commonJs(await import("@nats-io/transport-node"));
  const connection = await nats.connect(options);
  return {
    client: connection,
    isUsable: () => !connection.isClosed(),
    close: () => connection.close(),
  };
}

async function connectionOf(
  { url, tls, auth }: NatsPlan,
  context: TriggerContext,
): Promise<{ readonly options: NodeConnectionOptions; readonly key: string }> {
  const login = await readLogin(auth, context);
  const tlsOptions = tls && (await readTls(tls, context));
  const options: NodeConnectionOptions = {
    ...serversOf(url),
    ...(await authOf(login)),
    ...(tlsOptions && { tls: tlsOptions }),
    name: "tiphys trigger",
    reconnect: false, // the pool opens another one
    timeout: 10_000,
  };
  return { options, key: `nats ${url} ${secretHash(JSON.stringify([login, tlsOptions]))}` };
}

type Login =
  | { readonly user: string; readonly pass: string }
  | { readonly token: string }
  | { readonly nkey: string }
  | { readonly creds: string };

async function readLogin(auth: NatsPlan["auth"], { secret }: TriggerContext): Promise<Login | undefined> {
  if (auth?.basic) {
    const [user, pass] = await Promise.all([secret.read(auth.basic.username), secret.read(auth.basic.password)]);
    return { user, pass };
  }
  if (auth?.token) return { token: await secret.read(auth.token) };
  if (auth?.nkey) return { nkey: (await secret.read(auth.nkey)).trim() };
  if (auth?.credential) return { creds: await secret.read(auth.credential) };
  return undefined;
}

async function authOf(
  login: Login | undefined,
): Promise<Pick<NodeConnectionOptions, "user" | "pass" | "token"> & { authenticator?: Authenticator }> {
  if (!login) return {};
  const nats = commonJs(await import("@nats-io/transport-node"));
  if ("nkey" in login) return { authenticator: nats.nkeyAuthenticator(Buffer.from(login.nkey)) };
  if ("creds" in login) return { authenticator: nats.credsAuthenticator(Buffer.from(login.creds)) };
  return login;
}

/** User and password, or a token alone, may be part of the URL, as Go's client takes them. */
function serversOf(url: string): Pick<NodeConnectionOptions, "servers" | "user" | "pass" | "token"> {
  let login: Pick<NodeConnectionOptions, "user" | "pass" | "token"> = {};
  const servers = url.split(",").map((text) => {
    const match = /^(\w+:\/\/)?(?:([^@/]*)@)?(.+)$/.exec(text.trim());
    if (match?.[2]) {
      const [user = "", pass] = match[2].split(":").map(decoded);
      login = pass === undefined ? { token: user } : { user, pass };
    }
    return `${match?.[1] ?? ""}${match?.[3] ?? text.trim()}`;
  });
  return { servers, ...login };
}

function serverNames({ servers }: NodeConnectionOptions): string {
  return [servers].flat().join(",");
}
