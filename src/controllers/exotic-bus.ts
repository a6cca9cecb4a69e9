import { TerminalError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { parseYaml } from "../base/yaml.ts";
import type { SecretReader } from "../events/sources/source.ts";
import { rawSubject, type Subject } from "../record/subject.ts";

/** What `spec.jetstreamExotic` says (spec argo-events 2.6 and 4.1.1). */
export interface ExoticBus {
  readonly url: string;
  readonly streamConfig: JsonObject;
  /** Read anew at each connection, so that a changed password is taken up. */
  readonly credentials?: () => Promise<{ readonly user: string; readonly pass: string }>;
}

/** @throws TerminalError MANIFEST_INVALID */
export function readExotic(spec: JsonValue | undefined, secrets: SecretReader): ExoticBus {
  const exotic = isJsonObject(spec) ? spec : {};
  if (typeof exotic.url !== "string" || exotic.url === "") {
    throw new TerminalError("MANIFEST_INVALID", "spec.jetstreamExotic.url is required");
  }
  const streamConfig = typeof exotic.streamConfig === "string" ? parseText(exotic.streamConfig, "streamConfig") : {};
  const secret = exotic.accessSecret;
  if (!isJsonObject(secret)) return { url: exotic.url, streamConfig };
  const selector = { name: String(secret.name), key: String(secret.key) };
  return {
    url: exotic.url,
    streamConfig,
    credentials: async () => {
      const { username, password } = parseText(await secrets.read(selector), "accessSecret");
      return { user: String(username ?? ""), pass: String(password ?? "") };
    },
  };
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
