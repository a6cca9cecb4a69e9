import { textOf, warningAt } from "../../api/fields.ts";
import { TerminalError } from "../../base/errors.ts";
import type { SourceContext } from "./source.ts";
import type { SourceRule } from "./source-schema.ts";

/** How a kind's servers are written. Another form is told by name, and not as a host that cannot be found. */
export interface PlaceForm {
  /** The schemes that are known; none: `host:port`. */
  readonly schemes: readonly string[];
  /** Whether the scheme may be left out. */
  readonly isBare?: boolean;
  readonly example: string;
}

/** The original takes any text, and finds out when it connects. */
export function placeRule(field: string, form: PlaceForm): SourceRule {
  return (event, path) => {
    const text = textOf(event[field]);
    const problem = text === "" ? undefined : problemOf(text, form);
    return problem === undefined ? [] : [warningAt(`${path}.${field}`, problem)];
  };
}

/** `where`: kind and field, such as `["mqtt", "url"]`. @throws TerminalError MANIFEST_INVALID */
export function requirePlace(
  text: string,
  [kind, field]: readonly [kind: string, field: string],
  form: PlaceForm,
  { event }: Pick<SourceContext, "event">,
): void {
  const problem = problemOf(text, form);
  if (problem !== undefined) throw new TerminalError("MANIFEST_INVALID", `spec.${kind}.${event}.${field}: ${problem}`);
}

/** Of a list with commas, the first that is wrong. */
function problemOf(text: string, { schemes, isBare, example }: PlaceForm): string | undefined {
  const wrong = text.split(",").find((one) => {
    const [, scheme, rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(one.trim()) ?? [];
    if (rest === "" || /\s/.test(rest)) return true;
    if (scheme === undefined) return schemes.length > 0 && isBare !== true;
    return !schemes.includes(scheme.toLowerCase());
  });
  if (wrong === undefined) return undefined;
  const shown = JSON.stringify(wrong.trim().replace(/\/\/[^@/]*@/, "//…@")); // it may hold a password
  return `${shown} must look like ${example}${schemes.length > 0 ? `; known are ${schemes.join(", ")}` : ""}`;
}

export const mqttPlaces: PlaceForm = {
  schemes: ["tcp", "mqtt", "ssl", "tls", "mqtts", "ws", "wss"],
  example: "tcp://host:1883, or ssl://host:8883 with TLS",
};
export const natsPlaces: PlaceForm = { schemes: ["nats", "tls"], isBare: true, example: "nats://host:4222" };
export const redisPlaces: PlaceForm = { schemes: ["redis", "rediss"], isBare: true, example: "host:6379" };
export const amqpPlaces: PlaceForm = {
  schemes: ["amqp", "amqps"],
  example: "amqp://host:5672, or amqps://host:5671 with TLS",
};
export const httpPlaces: PlaceForm = { schemes: ["http", "https"], example: "https://host:443" };
export const hostPlaces = (port: number): PlaceForm => ({ schemes: [], example: `host:${port}` });
