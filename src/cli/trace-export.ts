import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { messageOf, TerminalError } from "../base/errors.ts";
import type { SpanOrigin } from "../ledger/export/otlp.ts";
import type { OtlpTarget } from "../ledger/export/otlp-sender.ts";
import type { SpanExport } from "../ledger/export/span-exporter.ts";
import { version } from "./version.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const tracesPath = "v1/traces";

/**
 * Where spans go, by OpenTelemetry's variables (https://opentelemetry.io/docs/specs/otel/protocol/exporter/); nothing where no
 * endpoint is set, or traces are switched off.
 * @throws TerminalError CONFIG_INVALID
 */
export async function tracesOf(env: Environment): Promise<{ readonly traces?: SpanExport }> {
  const url = endpointOf(env);
  const exporter = textOf(env, "OTEL_TRACES_EXPORTER")?.value ?? "otlp";
  if (exporter !== "otlp" && exporter !== "none") throw invalid("OTEL_TRACES_EXPORTER", exporter, "otlp or none");
  if (url === undefined || exporter === "none" || isTrue(env.OTEL_SDK_DISABLED)) return {};
  refuseGrpc(env);
  const target: OtlpTarget = {
    url,
    headers: headersOf(env),
    timeoutMs: numberOf(env, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT") ?? 10_000,
    isCompressed: isCompressed(env),
    tls: await tlsOf(env),
  };
  const delayMs = numberOf(env, "OTEL_BSP_SCHEDULE_DELAY") ?? 5_000;
  const batchSize = Math.max(1, numberOf(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE") ?? 512);
  return { traces: { target, origin: originOf(env), delayMs, batchSize } };
}

/** Who tells: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. @throws TerminalError CONFIG_INVALID */
export function originOf(env: Environment): SpanOrigin {
  const given = pairsOf(env, "OTEL_RESOURCE_ATTRIBUTES");
  const name = textOf(env, "OTEL_SERVICE_NAME")?.value;
  return {
    version: version(),
    resource: {
      "service.name": "tiphys",
      "service.version": version(),
      "host.name": hostname(),
      ...given,
      ...(name === undefined ? {} : { "service.name": name }),
    },
  };
}

function endpointOf(env: Environment): string | undefined {
  const found = textOf(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
  if (found === undefined) return undefined;
  const { name, value } = found;
  const url = URL.parse(value);
  // No part of it is repeated: what is no URL may be a key that came into the wrong variable.
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new TerminalError("CONFIG_INVALID", `${name}: must be a URL such as http://127.0.0.1:4318`);
  }
  if (name === "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") return url.href;
  url.pathname = `${url.pathname.replace(/\/*$/, "")}/${tracesPath}`;
  return url.href;
}

/** Servers take JSON where they take protobuf over HTTP; gRPC is another port. */
function refuseGrpc(env: Environment): void {
  const found = textOf(env, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
  if (found === undefined || found.value === "http/json" || found.value === "http/protobuf") return;
  throw invalid(found.name, found.value, "http/json, and the endpoint that of OTLP over HTTP: port 4318 as a rule");
}

function headersOf(env: Environment): Readonly<Record<string, string>> {
  const headers = {
    ...pairsOf(env, "OTEL_EXPORTER_OTLP_HEADERS"),
    ...pairsOf(env, "OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
  };
  for (const [name, value] of Object.entries(headers)) {
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && /^[\t\x20-\x7e]*$/.test(value)) continue;
    throw new TerminalError(
      "CONFIG_INVALID",
      `OTEL_EXPORTER_OTLP_HEADERS: "${name}" is no header, or its value is none`,
    );
  }
  return headers;
}

/** `key=value,key=value`; values may be percent-encoded. They are not repeated in errors. */
function pairsOf(env: Environment, name: string): Readonly<Record<string, string>> {
  const text = textOf(env, name)?.value ?? "";
  const pairs = text.split(",").filter((pair) => pair.trim() !== "");
  return Object.fromEntries(
    pairs.map((pair, index) => {
      const at = pair.indexOf("=");
      const key = pair.slice(0, Math.max(0, at)).trim();
      const value = decoded(pair.slice(at + 1).trim());
      if (key !== "" && value !== undefined) return [key, value];
      throw new TerminalError("CONFIG_INVALID", `${name}: entry ${index + 1} must be KEY=VALUE, "," as %2C`);
    }),
  );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function isCompressed(env: Environment): boolean {
  const found = textOf(env, "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION");
  if (found === undefined || found.value === "none") return false;
  if (found.value === "gzip") return true;
  throw invalid(found.name, found.value, "gzip or none");
}

async function tlsOf(env: Environment): Promise<OtlpTarget["tls"]> {
  const read = async (part: string): Promise<string | undefined> => {
    const found = textOf(env, `OTEL_EXPORTER_OTLP_TRACES_${part}`, `OTEL_EXPORTER_OTLP_${part}`);
    if (found === undefined) return undefined;
    try {
      return await readFile(found.value, "utf8");
    } catch (error) {
      throw new TerminalError("CONFIG_INVALID", `${found.name}: "${found.value}" cannot be read: ${messageOf(error)}`);
    }
  };
  const [ca, cert, key] = await Promise.all([read("CERTIFICATE"), read("CLIENT_CERTIFICATE"), read("CLIENT_KEY")]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function numberOf(env: Environment, ...names: readonly string[]): number | undefined {
  const found = textOf(env, ...names);
  if (found === undefined) return undefined;
  const value = Number(found.value);
  if (Number.isInteger(value) && value >= 0 && value <= 3_600_000) return value;
  throw invalid(found.name, found.value, "a whole number, 0 to 3600000");
}

function isTrue(text: string | undefined): boolean {
  return text?.trim().toLowerCase() === "true";
}

/** The first that is set; an empty variable counts as unset. */
function textOf(env: Environment, ...names: readonly string[]) {
  for (const name of names) {
    const value = env[name]?.trim() ?? "";
    if (value !== "") return { name, value };
  }
  return undefined;
}

function invalid(name: string, value: string, expected: string): TerminalError {
  return new TerminalError("CONFIG_INVALID", `${name}: "${value}" must be ${expected}`);
}
