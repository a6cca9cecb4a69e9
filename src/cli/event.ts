import { readFileSync } from "node:fs";
import { Command } from "commander";
import { EngineError, messageOf } from "../base/errors.ts";
import type { EventHead } from "../record/records.ts";
import { globalFlags, requireEngine } from "./engine-client.ts";
import { eventExportCommand } from "./event-export.ts";
import { parseLimit } from "./flag-values.ts";
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

/** `tiphys event list|show|send|export` */
export function eventCommand(): Command {
  const command = new Command("event")
    .description("List, show and send events; export what came of them")
    .helpCommand(false);
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
      print(globalFlags(self), events, { text: (all) => listText(all), wide: wideText, name: idsText });
    });
  command
    .command("show <id>")
    .description("One event's head")
    .action(async (id: string, _flags: object, self: Command) => {
      const event = await withHistory(globalFlags(self), (history) => history.event(id));
      print(globalFlags(self), event, { text: showText, name: ({ id: name }) => name });
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
      print(globalFlags(self), sent, { text: ({ id }) => id, name: ({ id }) => id });
    });
  command.addCommand(eventExportCommand());
  return command;
}

type Column = readonly [header: string, cell: (event: EventHead) => string];

const columns: readonly Column[] = [
  ["ID", ({ id }) => id],
  ["STORED", ({ storedAt }) => shownTime(storedAt)],
  ["NAMESPACE", ({ namespace }) => namespace],
  ["EVENTSOURCE", ({ eventSource }) => eventSource],
  ["EVENT", ({ event }) => event],
  ["TYPE", ({ type }) => type],
];

const wideColumns: readonly Column[] = [
  ...columns,
  ["TIME", ({ time }) => time],
  ["BUS", ({ bus }) => bus],
  ["SEQUENCE", ({ sequence }) => String(sequence)],
];

function listText(events: readonly EventHead[], shown = columns): string {
  if (events.length === 0) return "no events";
  const rows = events.map((event) => shown.map(([, cell]) => cell(event)));
  return table(
    shown.map(([header]) => header),
    rows,
  );
}

function wideText(events: readonly EventHead[]): string {
  return listText(events, wideColumns);
}

function idsText(events: readonly EventHead[]): string {
  return events.map(({ id }) => id).join("\n");
}

function showText(event: EventHead): string {
  return Object.entries({ ...event, storedAt: shownTime(event.storedAt) })
    .map(([name, value]) => `${`${name}:`.padEnd(13)}${value}`)
    .join("\n");
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
