import { Command } from "commander";
import { listOf, objectsOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { addSwitch, parseCount } from "../app/options.ts";
import { at, openControlClient } from "../control-client.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { print, table } from "../output.ts";
import { changeProject, readProject, specOf } from "./project.ts";

/** `tiphys proj windows …` */
export function windowsCommand(): Command {
  const command = new Command("windows").description("When Applications of a project may sync").helpCommand(false);
  const switches = [switchCommands("manual-sync", "manualSync"), switchCommands("sync-overrun", "syncOverrun")].flat();
  for (const sub of [listCommand(), addCommand(), updateCommand(), deleteCommand(), ...switches])
    command.addCommand(sub);
  return command;
}

interface WindowFlags {
  readonly kind?: string;
  readonly schedule?: string;
  readonly duration?: string;
  readonly applications?: string;
  readonly namespaces?: string;
  readonly clusters?: string;
  readonly manualSync?: boolean;
  readonly syncOverrun?: boolean;
  readonly timeZone?: string;
  readonly useAndOperator?: boolean;
  readonly description?: string;
}

function addFlags(command: Command): Command {
  command
    .option("-k, --kind <kind>", "allow or deny")
    .option("--schedule <cron>", "when it begins: five fields")
    .option("--duration <duration>", "how long it lasts: 1h30m")
    .option("--applications <names>", "globs, by commas")
    .option("--namespaces <namespaces>", "globs, by commas")
    .option("--clusters <clusters>", "globs, by commas")
    .option("--time-zone <zone>", "of the schedule: Europe/Berlin")
    .option("--description <text>", "for people");
  addSwitch(command, "manual-sync", "people may sync all the same");
  addSwitch(command, "sync-overrun", "a sync that runs may go on");
  return addSwitch(command, "use-and-operator", "applications, namespaces and clusters must all fit");
}

function changedWindow(window: JsonObject, flags: WindowFlags): JsonObject {
  const {
    kind,
    schedule,
    duration,
    description,
    timeZone,
    manualSync,
    syncOverrun,
    useAndOperator: andOperator,
  } = flags;
  const fields = { kind, schedule, duration, description, timeZone, manualSync, syncOverrun, andOperator };
  const lists = { applications: flags.applications, namespaces: flags.namespaces, clusters: flags.clusters };
  const given = Object.entries(fields).filter((entry): entry is [string, string | boolean] => entry[1] !== undefined);
  const split = Object.entries(lists).flatMap(([name, text]) =>
    text === undefined ? [] : [[name, text.split(",").map((one) => one.trim())] as const],
  );
  return { ...window, ...Object.fromEntries(given), ...Object.fromEntries(split) };
}

function addCommand(): Command {
  return addFlags(new Command("add").argument("<project>")).action(
    async (project: string, flags: WindowFlags, self: Command) => {
      const window = changedWindow({ timeZone: "UTC" }, flags);
      await changeProject(project, self, (spec) => ({
        ...spec,
        syncWindows: [...objectsOf(spec.syncWindows), window],
      }));
    },
  );
}

function updateCommand(): Command {
  const command = new Command("update").argument("<project>").argument("<id>", "of `windows list`", parseCount);
  return addFlags(command).action((project: string, id: number, flags: WindowFlags, self: Command) =>
    changeWindow(project, id, self, (window) => changedWindow(window, flags)),
  );
}

function deleteCommand(): Command {
  return new Command("delete")
    .argument("<project>")
    .argument("<id>", "of `windows list`", parseCount)
    .action((project: string, id: number, _flags: object, self: Command) =>
      changeWindow(project, id, self, () => undefined),
    );
}

function switchCommands(name: string, field: string): readonly Command[] {
  return ([true, false] as const).map((value) =>
    new Command(`${value ? "enable" : "disable"}-${name}`)
      .argument("<project>")
      .argument("<id>", "of `windows list`", parseCount)
      .action((project: string, id: number, _flags: object, self: Command) =>
        changeWindow(project, id, self, (window) => ({ ...window, [field]: value })),
      ),
  );
}

async function changeWindow(
  project: string,
  id: number,
  self: Command,
  change: (window: JsonObject) => JsonObject | undefined,
) {
  await changeProject(project, self, (spec) => {
    const windows = objectsOf(spec.syncWindows);
    if (windows[id] === undefined) throw exitingWith(20, new EngineError("NOT_FOUND", `there is no window ${id}`));
    return { ...spec, syncWindows: windows.flatMap((window, at) => (at === id ? (change(window) ?? []) : window)) };
  });
}

function listCommand(): Command {
  return new Command("list").argument("<project>").action(async (project: string, _flags: object, self: Command) => {
    const flags = globalFlags(self);
    const windows = objectsOf(specOf(await readProject(project, self)).syncWindows);
    const open = await openControlClient(flags).get(`${at("/projects", project)}/syncwindows`);
    const active = new Set(objectsOf(open.windows).map(windowKey));
    print(flags, windows, { text: (all) => windowsText(all, (window) => active.has(windowKey(window))) });
  });
}

/** What makes a window another one (spec argo-cd-surface 2.7). */
function windowKey({ kind, schedule, duration, timeZone, andOperator, ...lists }: JsonObject): string {
  const { applications, namespaces, clusters } = lists;
  const all = [applications, namespaces, clusters].map((list) => listOf(list));
  return JSON.stringify([kind, schedule, duration, textOf(timeZone) || "UTC", andOperator === true, all]);
}

const headers = ["ID", "STATUS", "KIND", "SCHEDULE", "DURATION", "APPLICATIONS", "NAMESPACES", "CLUSTERS"];

function windowsText(windows: readonly JsonObject[], isActive: (window: JsonObject) => boolean): string {
  const enabled = (value: unknown): string => (value === true ? "Enabled" : "Disabled");
  const globs = (value: JsonObject[string] | undefined): string => listOf(value).map(textOf).join(",") || "-";
  const rows = windows.map((window, id) => {
    const { kind, schedule, duration, applications, namespaces, clusters, ...more } = window;
    return [
      ...[String(id), isActive(window) ? "Active" : "Inactive", textOf(kind), textOf(schedule), textOf(duration)],
      ...[globs(applications), globs(namespaces), globs(clusters), enabled(more.manualSync)],
      ...[enabled(more.syncOverrun), textOf(more.timeZone) || "UTC", enabled(more.andOperator)],
    ];
  });
  return table([...headers, "MANUALSYNC", "SYNCOVERRUN", "TIMEZONE", "USEANDOPERATOR"], rows);
}
