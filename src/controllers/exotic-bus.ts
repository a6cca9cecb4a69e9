import { TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { parseYaml } from "../base/yaml.ts";
import type { BusTls } from "../events/bus/jetstream-connection.ts";
import type { SecretKeySelector, SecretReader } from "../events/sources/source.ts";
import { rawSubject, type Subject } from "../record/subject.ts";
import { type NativeBus, namesOf, ports } from "./native-bus/native-bus.ts";

/** What `spec.jetstreamExotic` says (spec argo-events 2.6 and 4.1.1). */
export interface ExoticBus {
  readonly url: string;
  readonly streamConfig: JsonObject;
  /** Read anew at each connection, so that a changed password is taken up. */
  readonly credentials?: () => Promise<{ readonly user: string; readonly pass: string }>;
  /** Read anew in the same way. Without it the system's CAs decide where the server speaks TLS. */
  readonly tls?: () => Promise<BusTls>;
}

/** @throws TerminalError MANIFEST_INVALID */
export function readExotic(spec: JsonValue | undefined, secrets: SecretReader): ExoticBus {
  const exotic = isJsonObject(spec) ? spec : {};
  if (typeof exotic.url !== "string" || exotic.url === "") {
    throw new TerminalError("MANIFEST_INVALID", "spec.jetstreamExotic.url is required");
  }
  const streamConfig = typeof exotic.streamConfig === "string" ? parseText(exotic.streamConfig, "streamConfig") : {};
  return {
    url: exotic.url,
    streamConfig,
    ...credentialsOf(exotic.accessSecret, secrets),
    ...(isJsonObject(exotic.tls) ? { tls: tlsOf(exotic.tls, secrets) } : {}),
  };
}

/**
 * The same for a managed bus (`jetstream` in a real cluster): its servers' certificate is checked with the CA that was
 * made for it, by the name of its Service, wherever it is reached.
 */
export function readNative(bus: NativeBus, secrets: SecretReader): ExoticBus {
  const { host, serverSecret, clientSecret } = namesOf(bus);
  return {
    url: `nats://${host}:${ports.client}`,
    streamConfig: bus.streamConfig,
    ...credentialsOf({ name: clientSecret, key: "client-auth" }, secrets),
    tls: async () => ({ ca: await secrets.read({ name: serverSecret, key: "ca-cert" }), servername: host }),
  };
}

function credentialsOf(secret: JsonValue | undefined, secrets: SecretReader): Pick<ExoticBus, "credentials"> {
  const selector = selectorOf(secret);
  if (selector === undefined) return {};
  return {
    credentials: async () => {
      const { username, password } = parseText(await secrets.read(selector), "accessSecret");
      return { user: String(username ?? ""), pass: String(password ?? "") };
    },
  };
}

/** spec argo-events 1.4 */
function tlsOf(tls: JsonObject, secrets: SecretReader): () => Promise<BusTls> {
  const [ca, cert, key] = [tls.caCertSecret, tls.clientCertSecret, tls.clientKeySecret].map(selectorOf);
  return async () => {
    if (tls.insecureSkipVerify === true) return { rejectUnauthorized: false };
    return {
      ...(ca ? { ca: await secrets.read(ca) } : {}),
      ...(cert && key ? { cert: await secrets.read(cert), key: await secrets.read(key) } : {}),
    };
  };
}

function selectorOf(value: JsonValue | undefined): SecretKeySelector | undefined {
  return isJsonObject(value) ? { name: String(value.name), key: String(value.key) } : undefined;
}

function parseText(text: string, field: string): JsonObject {
  const [value = {}] = parseYaml(text);
  if (isJsonObject(value)) return value;
  throw new TerminalError("MANIFEST_INVALID", `spec.jetstreamExotic.${field}: must be YAML of an object`);
}

/**
 * `default.<eventsource>.<event>`, verbatim: Argo Events' wire format.
 * @throws TerminalError MANIFEST_INVALID for a name that would not be one token of a subject.
 */
export function argoSubject(eventSource: string, event: string): Subject {
  for (const name of [eventSource, event]) {
    if (name !== "" && !/[\s.*>]/.test(name)) continue;
    throw new TerminalError(
      "MANIFEST_INVALID",
      `"${name}" does not fit a NATS subject: no ".", "*", ">" or white space`,
    );
  }
  return rawSubject(`default.${eventSource}.${event}`);
}

export function parseArgoSubject(subject: Subject): { readonly eventSource: string; readonly event: string } {
  const [, eventSource = "", event = ""] = subject.split(".");
  return { eventSource, event };
}
