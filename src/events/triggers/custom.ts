import type { Client, Metadata } from "@grpc/grpc-js";
import { errorAt } from "../../api/fields.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { commonJs } from "../../base/lazy.ts";
import { loadOptional } from "../../base/optional.ts";
import { decodeFields, encodeBytes } from "../../base/protobuf.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { formatYaml } from "../../base/yaml.ts";
import { effectHash } from "./object-effect.ts";
import { shownPayload } from "./own-parameters.ts";
import { createRecent } from "./recent.ts";
import { requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { payloadSchema, resourceParametersSchema, secretKeySchema } from "./schemas.ts";
import { secretHash } from "./secret-hash.ts";
import type { PooledClient, TriggerContext, TriggerKind } from "./trigger.ts";

/** spec argo-events 6.5.12 */
export const customSchema = {
  type: "object",
  description: "Asks a gRPC server of one's own (service `triggers.Trigger`).",
  required: ["serverURL", "spec"],
  properties: {
    serverURL: { type: "string", minLength: 1, description: "Host and port of the server." },
    secure: { type: "boolean", description: "Whether the connection is TLS; needs `certSecret`.", default: false },
    certSecret: { ...secretKeySchema, description: "Certificate that the server is checked against." },
    serverNameOverride: { type: "string", description: "The name that the server's certificate must have." },
    spec: {
      type: "object",
      description: "What the server is told about the resource; its keys are the server's own.",
      additionalProperties: { type: "string" },
    },
    parameters: { ...resourceParametersSchema, description: "Change the resource that the server gives." },
    payload: payloadSchema,
  },
} as const satisfies JsonSchema;

type CustomSpec = SpecOf<typeof customSchema>;

export interface CustomPlan extends Pick<CustomSpec, "serverURL" | "secure" | "certSecret" | "serverNameOverride"> {
  /** As plans show it: an object where it is one. */
  readonly resource: JsonValue;
  readonly resourceText: string;
  readonly payload: string;
}

const certRule: TriggerRule = ({ secure, certSecret }, path) => {
  if (secure !== true || isJsonObject(certSecret)) return [];
  return [errorAt(`${path}.certSecret`, "certSecret can't be nil when the trigger server connection is secure")];
};

const schema = triggerSchema<CustomSpec>(
  customSchema,
  requires({
    serverURL: "custom trigger gRPC server url is not defined",
    spec: "trigger body can't be empty",
  }),
  certRule,
);

const maxExecuted = 10_000;

/**
 * The server gives a resource (which only reads), and executes it once it has its parameters. Calls bear the firing's key
 * as `idempotency-key`; within one engine a firing is executed once.
 */
export function createCustomTrigger(): TriggerKind<CustomSpec, CustomPlan> {
  const executed = createRecent<true>(maxExecuted);
  return {
    schema,
    async plan(written, firing, context, signal) {
      const { serverURL, secure, certSecret, serverNameOverride, spec, parameters, payload } = written;
      if (context.isOffline) throw new TerminalError("TRIGGER_OFFLINE", "custom: its server cannot be asked here");
      const place = {
        serverURL,
        secure,
        ...(certSecret && { certSecret }),
        ...(serverNameOverride && { serverNameOverride }),
      };
      const request = encodeBytes(1, Buffer.from(formatYaml(sorted(spec))));
      const asking = { ...context, key: effectHash(firing) };
      const fetched = bytesOf(await call(place, ["FetchResource", request], asking, signal)).toString("utf8");
      const resourceText = parameters?.length
        ? JSON.stringify(context.parameters.apply(resourceOf(fetched), parameters, "custom.parameters"))
        : fetched;
      return {
        ...place,
        resource: shownPayload(resourceText),
        resourceText,
        payload: payload?.length ? context.parameters.payload(payload, "custom.payload") : "",
      };
    },
    async apply({ resourceText, payload, ...place }, firing, context, signal) {
      if (executed.find(firing.key)) return { message: `custom: ${place.serverURL} had already executed it` };
      const request = [encodeBytes(1, Buffer.from(resourceText)), encodeBytes(2, Buffer.from(payload))];
      const asking = { ...context, key: effectHash(firing) };
      const response = bytesOf(await call(place, ["Execute", Buffer.concat(request)], asking, signal));
      executed.set(firing.key, true);
      const policy = await call(place, ["ApplyPolicy", encodeBytes(1, response)], asking, signal);
      const { success, message } = policyOf(policy);
      // As the original, which only logs it.
      const verdict = success ? "" : `; its policy was not met: ${message.slice(0, 256)}`;
      return { message: `custom: ${place.serverURL} executed it${verdict}` };
    },
  };
}

/** As Go writes a map. */
function sorted(spec: CustomSpec["spec"]): CustomSpec["spec"] {
  return Object.fromEntries(Object.entries(spec).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws TerminalError MANIFEST_INVALID for what parameters cannot be set in */
function resourceOf(text: string): JsonValue {
  const value = shownPayload(text);
  if (isJsonObject(value)) return value;
  throw new TerminalError("MANIFEST_INVALID", "custom.parameters: the server's resource must be a JSON object");
}

/** What comes in field 1. */
function bytesOf(message: Buffer): Buffer {
  let bytes: Buffer = Buffer.alloc(0);
  for (const field of decodeFields(message)) if (field.number === 1) bytes = field.bytes;
  return bytes;
}

function policyOf(message: Buffer): { readonly success: boolean; readonly message: string } {
  let success = false;
  let text = "";
  for (const field of decodeFields(message)) {
    if (field.number === 1) success = field.varint !== 0;
    if (field.number === 2) text = field.bytes.toString("utf8");
  }
  return { success, message: text };
}

type Place = Pick<CustomPlan, "serverURL" | "secure" | "certSecret" | "serverNameOverride">;

/** The original waits for ever. */
const callMs = 60_000;

interface Asking extends Pick<TriggerContext, "secret" | "clients"> {
  /** Tells the server what belongs to one firing. */
  readonly key: string;
}

type Request = readonly [method: "FetchResource" | "Execute" | "ApplyPolicy", message: Buffer];

async function call(place: Place, [method, message]: Request, asking: Asking, signal: AbortSignal): Promise<Buffer> {
  const grpc = commonJs(await loadOptional("@grpc/grpc-js@^1", () => import("@grpc/grpc-js")));
  const { serverURL, secure, certSecret, serverNameOverride = "" } = place;
  const ca = secure && certSecret ? await asking.secret.read(certSecret) : undefined;
  const open = async (): Promise<PooledClient<Client>> => {
    const credentials = secure
      ? grpc.credentials.createSsl(ca === undefined ? null : Buffer.from(ca))
      : grpc.credentials.createInsecure();
    const name = serverNameOverride === "" ? {} : { "grpc.ssl_target_name_override": serverNameOverride };
    const client = new grpc.Client(serverURL, credentials, { ...name, "grpc.keepalive_time_ms": 30_000 });
    // One that could not connect would refuse for a while to try again.
    const { TRANSIENT_FAILURE } = grpc.connectivityState;
    const isUsable = (): boolean => client.getChannel().getConnectivityState(false) !== TRANSIENT_FAILURE;
    return { client, isUsable, close: async () => client.close() };
  };
  const metadata = new grpc.Metadata();
  metadata.set("idempotency-key", asking.key);
  const key = `grpc ${serverURL} ${secure} ${secretHash(JSON.stringify([ca, serverNameOverride]))}`;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(callMs)]);
  try {
    const path = `/triggers.Trigger/${method}`;
    return await asking.clients.use(key, open, (client) => ask(client, path, [message, metadata], deadline));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError) throw error;
    throw new EngineError("TRIGGER_FAILED", `custom: ${method} of ${serverURL}: ${messageOf(error)}`, error);
  }
}

function ask(
  client: Client,
  path: string,
  [message, metadata]: readonly [Buffer, Metadata],
  deadline: AbortSignal,
): Promise<Buffer> {
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    const asked = client.makeUnaryRequest(path, same, same, message, metadata, (error, answer) => {
      deadline.removeEventListener("abort", onAbort);
      if (deadline.aborted) reject(deadline.reason);
      else if (error) reject(error);
      else resolve(answer ?? Buffer.alloc(0));
    });
    const onAbort = (): void => asked.cancel();
    deadline.addEventListener("abort", onAbort, { once: true });
  });
}
