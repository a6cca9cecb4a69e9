import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { EngineError, messageOf } from "../base/errors.ts";
import type { EventHead } from "../record/records.ts";
import { globalFlags, requireEngine } from "./engine-client.ts";
import { print, shownTime, table } from "./output.ts";
import { withHistory } from "./source-of-history.ts";

interface ListFlags {
  readonly limit: number;
  readonly namespace?: string;
  readonly eventSource?: string;
}

interface SendFlags {
  readonly eventSource: string;
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

/** `tiphys event list|show|send` */
export function eventCommand(): Command {
  const command = new Command("event").description("List, show and send events");
  command
    .command("list")
    .description("The newest events, newest first")
    .option("--limit <n>", "how many at most (1 to 1000)", parseLimit, 20)
    .option("-n, --namespace <namespace>", "of one namespace")
    .option("--event-source <name>", "of one EventSource")
    .action(async (flags: ListFlags, self: Command) => {
      const { limit, namespace, eventSource } = flags;
      const query = { limit, ...(namespace && { namespace }), ...(eventSource && { eventSource }) };
      const events = await withHistory(globalFlags(self), (history) => history.events(query));
      print(globalFlags(self), events, listText);
    });
  command
    .command("show <id>")
    .description("One event's head")
    .action(async (id: string, _flags: object, self: Command) => {
      const event = await withHistory(globalFlags(self), (history) => history.event(id));
      print(globalFlags(self), event, showText);
    });
  command
    .command("send")
    .description("Put an event on the bus as if its EventSource had")
    .requiredOption("--event-source <namespace/name>", "the EventSource")
    .requiredOption("--event <name>", "the event's name")
    .requiredOption("--data <json>", "the event's data, or @FILE")
    .option("--id <id>", "the event's id; sent again with the same id, it is kept once")
    .action(async (flags: SendFlags, self: Command) => {
      const body = { ...sourceOf(flags.eventSource), event: flags.event, data: dataOf(flags.data), id: flags.id };
      const sent = await requireEngine(globalFlags(self)).post<{ id: string }>("/events", body);
      print(globalFlags(self), sent, ({ id }) => id);
    });
  return command;
}

function listText(events: readonly EventHead[]): string {
  if (events.length === 0) return "no events";
  const rows = events.map((event) => [
    event.id,
    shownTime(event.storedAt),
    event.namespace,
    event.eventSource,
    event.event,
    event.type,
  ]);
  return table(["ID", "STORED", "NAMESPACE", "EVENTSOURCE", "EVENT", "TYPE"], rows);
}

function showText(event: EventHead): string {
  return Object.entries({ ...event, storedAt: shownTime(event.storedAt) })
    .map(([name, value]) => `${`${name}:`.padEnd(13)}${value}`)
    .join("\n");
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  throw new InvalidArgumentError(`"${text}" must be 1 to 1000.`);
}

function sourceOf(text: string): { namespace: string; eventSource: string } {
  const [namespace = "", eventSource = "", ...rest] = text.includes("/") ? text.split("/") : ["default", text];
  if (namespace !== "" && eventSource !== "" && rest.length === 0) return { namespace, eventSource };
  throw new EngineError("USAGE", `--event-source: "${text}" must be NAMESPACE/NAME`);
}

function dataOf(text: string): unknown {
  try {
    return JSON.parse(text.startsWith("@") ? readFileSync(text.slice(1), "utf8") : text);
  } catch (error) {
    throw new EngineError("USAGE", `--data: must be JSON, or @FILE with JSON: ${messageOf(error)}`, error);
  }
}
