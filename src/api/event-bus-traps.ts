import { parseDuration } from "../base/duration.ts";
import { messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { parseYaml } from "../base/yaml.ts";
import { objectOf, textOf, warningAt } from "./fields.ts";
import { checkSasl, checkTls } from "./value-rules.ts";

/** What the original takes and what then has no effect or fails (spec argo-events 2.6, 4.1.2, 8). */
export function busTraps(spec: JsonObject): Problem[] {
  const kinds = ["nats", "jetstream", "kafka", "jetstreamExotic", "embedded"].filter((kind) =>
    isJsonObject(spec[kind]),
  );
  const [first, ...others] = kinds;
  return [
    ...others.map((kind) => warningAt(`spec.${kind}`, `has no effect beside ${first}`)),
    ...checkNative(objectOf(objectOf(spec.nats).native), "spec.nats.native"),
    ...checkAuth(objectOf(spec.nats)),
    ...checkStreamConfig(objectOf(spec.jetstream).streamConfig, "spec.jetstream.streamConfig"),
    ...checkStreamConfig(objectOf(spec.jetstreamExotic).streamConfig, "spec.jetstreamExotic.streamConfig"),
    ...checkTls(objectOf(spec.jetstreamExotic).tls, "spec.jetstreamExotic.tls", "warning"),
    ...checkKafka(objectOf(spec.kafka), "spec.kafka"),
  ];
}

function checkNative({ replicas }: JsonObject, path: string): Problem[] {
  if (typeof replicas !== "number" || replicas >= 3) return [];
  return [warningAt(`${path}.replicas`, `${replicas} must be at least 3; 3 are taken`)];
}

function checkAuth(nats: JsonObject): Problem[] {
  return ["native", "exotic"].flatMap((kind) => {
    const auth = textOf(objectOf(nats[kind]).auth);
    if (auth === "" || auth === "none" || auth === "token") return [];
    return [warningAt(`spec.nats.${kind}.auth`, `"${auth}" must be none or token`)];
  });
}

const counts: readonly string[] = ["maxmsgs", "maxbytes", "replicas", "retention", "discard"];
const durations: readonly string[] = ["maxage", "duplicates"];

function checkStreamConfig(config: unknown, path: string): Problem[] {
  if (typeof config !== "string" || config === "") return [];
  let value: unknown;
  try {
    [value = {}] = parseYaml(config);
  } catch (error) {
    return [warningAt(path, `is no YAML: ${messageOf(error)}`)];
  }
  if (!isJsonObject(value)) return [warningAt(path, "must be YAML of an object")];
  return Object.entries(value).flatMap(([key, entry]) => {
    const text = typeof entry === "string" ? entry : (JSON.stringify(entry) ?? "");
    if (counts.includes(key.toLowerCase())) {
      return /^-?\d+$/.test(text) ? [] : [warningAt(path, `${key}: "${text}" must be a whole number`)];
    }
    if (durations.includes(key.toLowerCase())) return isDuration(text) ? [] : [durationProblem(path, key, text)];
    return [warningAt(path, `unknown key "${key}", it has no effect`)];
  });
}

/** A bare number is nanoseconds, as in Go. */
function isDuration(text: string): boolean {
  if (/^-?\d+$/.test(text)) return true;
  try {
    parseDuration(text);
    return true;
  } catch {
    return false;
  }
}

function durationProblem(path: string, key: string, text: string): Problem {
  return warningAt(path, `${key}: "${text}" must be a duration such as 168h`);
}

function checkKafka(kafka: JsonObject, path: string): Problem[] {
  const oneOf = (value: string, known: readonly string[], at: string): Problem[] =>
    value === "" || known.includes(value)
      ? []
      : [warningAt(at, `"${value}" must be one of ${known.join(", ")}; ${known[0]} is taken`)];
  return [
    ...checkTls(kafka.tls, `${path}.tls`, "warning"),
    ...checkSasl(kafka.sasl, `${path}.sasl`, "warning"),
    ...oneOf(textOf(kafka.partitioner), ["random", "hash", "roundrobin", "manual"], `${path}.partitioner`),
    ...oneOf(
      textOf(objectOf(kafka.consumerGroup).rebalanceStrategy),
      ["range", "sticky", "roundrobin"],
      `${path}.consumerGroup.rebalanceStrategy`,
    ),
  ];
}
