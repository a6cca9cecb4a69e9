import { TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { parseYaml } from "../base/yaml.ts";
import type { BusCredentials, BusTls } from "../events/bus/jetstream-credentials.ts";
import type { SecretKeySelector, SecretReader } from "../events/sources/source.ts";
import { rawSubject, type Subject } from "../record/subject.ts";
import { type NativeBus, namesOf, ports } from "./native-bus/native-bus.ts";

/** What `spec.jetstreamExotic` says (spec argo-events 1.4, 2.6 and 4.1.1). */
export interface ExoticBus {
  readonly url: string;
  readonly streamConfig: JsonObject;
  /** Reads its Secrets anew at each call, so that a changed password is taken up. */
  readonly credentials?: () => Promise<BusCredentials>;
}

/** @throws TerminalError MANIFEST_INVALID */
export function readExotic(spec: JsonValue | undefined, secrets: SecretReader): ExoticBus {
  const exotic = isJsonObject(spec) ? spec : {};
  if (typeof exotic.url !== "string" || exotic.url === "") {
    throw new TerminalError("MANIFEST_INVALID", "spec.jetstreamExotic.url is required");
  }
  const streamConfig = typeof exotic.streamConfig === "string" ? parseText(exotic.streamConfig, "streamConfig") : {};
  const { accessSecret, tls } = exotic;
  if (!isJsonObject(accessSecret) && !isJsonObject(tls)) return { url: exotic.url, streamConfig };
  return {
    url: exotic.url,
    streamConfig,
    credentials: async () => {
      const access = isJsonObject(accessSecret) ? readAccess(await secrets.read(selectorOf(accessSecret))) : {};
      return isJsonObject(tls) ? { ...access, tls: await readTls(tls, secrets) } : access;
    },
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
    credentials: async () => ({
      ...readAccess(await secrets.read({ name: clientSecret, key: "client-auth" })),
      tls: { ca: await secrets.read({ name: serverSecret, key: "ca-cert" }), servername: host },
    }),
  };
}

/** YAML with `username` and `password` as the original has it, or with `token` or `nkey` (a seed); or a creds file. */
function readAccess(text: string): BusCredentials {
  if (text.includes("-BEGIN NATS USER JWT-")) return { creds: text };
  const { username, password, token, nkey } = parseText(text, "accessSecret");
  if (nkey !== undefined) return { nkeySeed: String(nkey) };
  if (token !== undefined) return { token: String(token) };
  return { user: String(username ?? ""), pass: String(password ?? "") };
}

async function readTls(tls: JsonObject, secrets: SecretReader): Promise<BusTls> {
  if (tls.insecureSkipVerify === true) return { insecureSkipVerify: true };
  const { caCertSecret: ca, clientCertSecret: cert, clientKeySecret: key } = tls;
  const hasPair = isJsonObject(cert) && isJsonObject(key);
  return {
    ...(isJsonObject(ca) ? { ca: await secrets.read(selectorOf(ca)) } : {}),
    ...(hasPair ? { cert: await secrets.read(selectorOf(cert)), key: await secrets.read(selectorOf(key)) } : {}),
  };
}

function selectorOf({ name, key }: JsonObject): SecretKeySelector {
  return { name: String(name), key: String(key) };
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
