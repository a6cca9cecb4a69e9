import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { Command } from "commander";
import { isoTime, systemClock } from "../base/clock.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { parseYaml } from "../base/yaml.ts";
import type { WhatIfReport } from "../events/trial/what-if.ts";
import { globalFlags, requireEngine } from "./engine-client.ts";
import { print } from "./output.ts";
import { readBounded, readSensor } from "./sensor/sensor-file.ts";
import { whatIfText } from "./what-if-text.ts";

interface Flags {
  readonly event: string;
  readonly sensor?: string;
  readonly namespace?: string;
  readonly from?: string;
  readonly exitCode: boolean;
}

/** `tiphys what-if --event FILE|ID`: the reducer and every plan; changes nothing. */
export function whatIfCommand(): Command {
  return new Command("what-if")
    .description(
      "What would happen if an event came: which triggers would fire, what each would send or write, and what servers\n" +
        "say that it would change. Nothing is changed.",
    )
    .requiredOption(
      "--event <file|id>",
      "a CloudEvent, or {eventSource, event, data}, or a list; or the id of a stored one",
    )
    .option(
      "--sensor <file>",
      "a Sensor that is not there yet; FILE#NAME where a file holds several (default: all that listen)",
    )
    .option("-n, --namespace <name>", "where the event comes (default: the Sensor's namespace, else default)")
    .option("--from <eventsource/event>", "the file holds an event's data only, of this EventSource and event")
    .option("--exit-code", "exit with 1 when nothing would fire, or something would fail", false)
    .action(async (flags: Flags, self: Command) => {
      const global = globalFlags(self);
      const [path = "", name] = flags.sensor?.split("#") ?? [];
      const sensor = flags.sensor === undefined ? undefined : readSensor(path, name).object;
      const report = await requireEngine(global).post<WhatIfReport>("/what-if", {
        ...eventOf(flags),
        ...(sensor && { sensor }),
        ...(flags.namespace !== undefined && { namespace: flags.namespace }),
      });
      print(global, report, { text: whatIfText });
      const firings = report.sensors.flatMap((one) => one.firings);
      const isFine = firings.length > 0 && firings.every(({ error }) => error === undefined);
      if (flags.exitCode && !isFine) process.exitCode = 1;
    });
}

function eventOf({ event, from }: Flags): { readonly id: string } | { readonly events: readonly JsonObject[] } {
  if (!existsSync(event)) {
    if (/[/\\]|\.(?:json|ya?ml)$/.test(event)) throw new EngineError("USAGE", `--event: there is no file "${event}"`);
    return { id: event };
  }
  const content = contentOf(event);
  if (from !== undefined) {
    const [eventSource = "", name = ""] = from.split("/");
    if (eventSource === "" || name === "") {
      throw new EngineError("USAGE", `--from: "${from}" must be EVENTSOURCE/EVENT`);
    }
    return { events: [whole({ eventSource, event: name, data: content }, event, 0)] };
  }
  return { events: (Array.isArray(content) ? content : [content]).map((one, index) => whole(one, event, index)) };
}

function contentOf(file: string): JsonValue {
  try {
    return (parseYaml(readBounded(file).toString("utf8"))[0] ?? null) as JsonValue;
  } catch (error) {
    throw new EngineError("USAGE", `--event: ${file}: ${messageOf(error)}`, error);
  }
}

/** As a CloudEvent; what is missing is filled in. */
function whole(value: JsonValue, file: string, index: number): JsonObject {
  const at = `${file}[${index}]`;
  if (!isJsonObject(value))
    throw new EngineError("USAGE", `--event: ${at} must be an object; --from says what data belongs to`);
  const defaults = {
    specversion: "1.0",
    id: randomUUID(),
    type: "tiphys.what-if",
    time: isoTime(systemClock.now()),
    datacontenttype: "application/json",
  };
  const { eventSource, event, context, ...given } = value;
  const named = eventSource === undefined ? {} : { source: eventSource, subject: event ?? "" };
  const result = { ...defaults, ...given, ...named, ...(isJsonObject(context) ? context : {}) };
  if (typeof result.source === "string" && typeof result.subject === "string") return result;
  throw new EngineError(
    "USAGE",
    `--event: ${at} must have source and subject, or eventSource and event; or give --from`,
  );
}
