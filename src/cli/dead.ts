import { Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import type { DeadLetter } from "../events/sensor/dead-letters.ts";
import type { DeadList, DeadStore, DeadSummary } from "../events/sensor/dead-store.ts";
import { confirm } from "./confirm.ts";
import { type EngineClient, findEngine, type GlobalFlags, globalFlags, requireEngine } from "./engine-client.ts";
import { parseLimit } from "./flag-values.ts";
import { print, shownTime, table } from "./output.ts";
import { withStoredBus } from "./stored-bus.ts";

interface SelectFlags {
  readonly namespace?: string;
  readonly sensor?: string;
  readonly trigger?: string;
}

interface ListFlags extends SelectFlags {
  readonly limit: number;
}

interface RedriveFlags extends SelectFlags {
  readonly all?: boolean;
  readonly yes?: boolean;
}

interface Redriven {
  readonly asked: readonly DeadSummary[];
  readonly refused: readonly { readonly id: number; readonly error: string }[];
  readonly next?: number;
}

type Listed = Pick<DeadList, "letters"> & { readonly total: number; readonly isCut?: boolean };
type Letter = DeadLetter & { readonly id: number };

/** `tiphys dead list|show|redrive` */
export function deadCommand(): Command {
  const command = new Command("dead").description("What failed for good, and doing it again").helpCommand(false);
  selecting(command.command("list"))
    .description("What is dead, newest first")
    .option("--limit <n>", "how many at most (1 to 1000)", parseLimit, 20)
    .action(async (flags: ListFlags, self: Command) => {
      const listed = await list(globalFlags(self), flags);
      print(globalFlags(self), listed.letters, { text: () => listText(listed), name: idsText });
    });
  command
    .command("show <id>")
    .description("One dead letter: its events, every attempt, the last error")
    .action(async (id: string, _flags: object, self: Command) => {
      const letter = await show(globalFlags(self), parseId(id));
      print(globalFlags(self), letter, { text: showText, name: ({ id: name }) => String(name) });
    });
  selecting(command.command("redrive [ids...]"))
    .description("Do it again, as its Sensor is now and under the same key")
    .option("--all", "everything that is dead, after a confirmation")
    .option("--yes", "ask nothing")
    .action(async (ids: readonly string[], flags: RedriveFlags, self: Command) => {
      const redriven = await redrive(requireEngine(globalFlags(self)), ids.map(parseId), flags);
      print(globalFlags(self), redriven, { text: redrivenText, name: ({ asked }) => idsText(asked) });
      if (redriven.refused.length > 0) process.exitCode = 1;
    });
  return command;
}

function selecting(command: Command): Command {
  return command
    .option("-n, --namespace <namespace>", "of one namespace")
    .option("--sensor <namespace/name>", "of one Sensor")
    .option("--trigger <name>", "of one trigger");
}

async function list(flags: GlobalFlags, { limit, namespace, sensor, trigger }: ListFlags): Promise<Listed> {
  const engine = findEngine(flags);
  if (engine) {
    const given = Object.entries({ limit: String(limit), namespace, sensor, trigger });
    const query = new URLSearchParams(given.filter((entry): entry is [string, string] => entry[1] !== undefined));
    return engine.get<Listed>(`/dead?${query}`);
  }
  return withStored(flags, async (store) => {
    const [of, name] = sensor === undefined ? [namespace, undefined] : sensorOf(sensor);
    const { letters, isCut } = await store.list({
      ...(of === undefined ? {} : { namespace: of }),
      ...(name === undefined ? {} : { sensor: name }),
      ...(trigger === undefined ? {} : { trigger }),
    });
    return { letters: letters.slice(-limit).reverse(), total: letters.length, isCut };
  });
}

async function show(flags: GlobalFlags, id: number): Promise<Letter> {
  const engine = findEngine(flags);
  if (engine) return (await engine.get<{ letter: Letter }>(`/dead/${id}`)).letter;
  return withStored(flags, async (store) => {
    const found = await store.find(id);
    if (found) return { id, ...found.letter };
    throw new EngineError("NOT_FOUND", `no dead letter "${id}" is known: it was redriven, or its time is over`);
  });
}

/** With no engine running, what is stored in the data directory answers, under its lock. */
async function withStored<T>({ dataDir }: GlobalFlags, use: (store: DeadStore) => Promise<T>): Promise<T> {
  const { createDeadStore } = await import("../events/sensor/dead-store.ts");
  return withStoredBus(dataDir, ({ bus }) => use(createDeadStore(bus, systemClock)));
}

async function redrive(engine: EngineClient, ids: readonly number[], flags: RedriveFlags): Promise<Redriven> {
  const { namespace, sensor, trigger, all } = flags;
  if (ids.length > 0) {
    if (all || sensor !== undefined || namespace !== undefined || trigger !== undefined) {
      throw new EngineError("USAGE", "dead redrive: give ids, or --sensor, or --all");
    }
    return redriveEach(engine, ids);
  }
  if (!all && sensor === undefined) throw new EngineError("USAGE", "dead redrive: give ids, or --sensor, or --all");
  if (all) await confirmAll(engine, flags);
  return redriveSelected(engine, { ...(all ? { all } : {}), namespace, sensor, trigger });
}

async function redriveEach(engine: EngineClient, ids: readonly number[]): Promise<Redriven> {
  const asked: DeadSummary[] = [];
  const refused: { id: number; error: string }[] = [];
  for (const id of ids) {
    try {
      asked.push(...(await engine.post<Redriven>(`/dead/${id}/redrive`, {})).asked);
    } catch (error) {
      if (ids.length === 1 || !(error instanceof EngineError) || error.code !== "NOT_FOUND") throw error;
      refused.push({ id, error: error.message });
    }
  }
  return { asked, refused };
}

/** A thousand at a time, until none is left that was dead when it began. */
async function redriveSelected(engine: EngineClient, selection: object): Promise<Redriven> {
  const asked: DeadSummary[] = [];
  const refused: { id: number; error: string }[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const answer: Redriven = await engine.post<Redriven>("/dead/redrive", { ...selection, after });
    for (const letter of answer.asked) asked.push(letter);
    for (const refusal of answer.refused) refused.push(refusal);
    after = answer.next;
  }
  return { asked, refused };
}

async function confirmAll(
  engine: EngineClient,
  { yes = false, namespace, sensor, trigger }: RedriveFlags,
): Promise<void> {
  const given = Object.entries({ limit: "1", namespace, sensor, trigger });
  const query = new URLSearchParams(given.filter((entry): entry is [string, string] => entry[1] !== undefined));
  const { total } = await engine.get<Listed>(`/dead?${query}`);
  await confirm({
    subject: "redriving everything that is dead",
    statement: `This redrives ${total} dead ${total === 1 ? "letter" : "letters"}.`,
    declined: "nothing was redriven",
    assumeYes: yes,
    input: process.stdin,
    output: process.stderr,
  });
}

function whatOf({ trigger, dlqOf, dependency }: Pick<DeadSummary, "trigger" | "dlqOf" | "dependency">): string {
  if (dependency !== undefined) return `dependency ${dependency}`;
  return dlqOf === undefined ? (trigger ?? "") : `${trigger} (dlqTrigger of ${dlqOf})`;
}

function nameOf({ sensor }: Pick<DeadSummary, "sensor">): string {
  return `${sensor.namespace}/${sensor.name}`;
}

function listText({ letters, total, isCut }: Listed): string {
  if (letters.length === 0) return "nothing is dead";
  const rows = letters.map((letter) => [
    String(letter.id),
    shownTime(letter.at),
    nameOf(letter),
    whatOf(letter),
    String(letter.failed),
    Object.values(letter.events).join(","),
    letter.error.split("\n", 1)[0] ?? "",
  ]);
  const more = total > letters.length || isCut ? [`${letters.length} of ${total}${isCut ? " or more" : ""}`] : [];
  return [table(["ID", "DEAD SINCE", "SENSOR", "WHAT", "ATTEMPTS", "EVENTS", "ERROR"], rows), ...more].join("\n");
}

function showText(letter: Letter): string {
  const { id, at, sensor, key, redrive, failed, attempts, error } = letter;
  const lines: (readonly [string, string])[] = [
    ["id", String(id)],
    ["dead since", shownTime(at)],
    ["sensor", `${nameOf(letter)}, revision ${sensor.revision}`],
    ["what", whatOf(letter)],
    ["key", key],
    ...(redrive === undefined ? [] : [["redriven from", redrive] as const]),
    ...eventsOf(letter).map(({ dependency, head, event }) => {
      const data = event ? JSON.stringify(event.data) : "too large to be kept here";
      return ["event", `${dependency}: ${head.id} (${head.eventSource} ${head.event}) ${data}`] as const;
    }),
    ...attempts.map((attempt, index) => {
      const nth = (failed ?? attempts.length) - attempts.length + index + 1;
      return ["attempt", `${nth} at ${shownTime(attempt.at)}: ${attempt.error}`] as const;
    }),
    ["last error", error],
  ];
  return lines.map(([name, value]) => `${`${name}:`.padEnd(15)}${value}`).join("\n");
}

/** All of a batch, or one for each dependency. */
function eventsOf({ events, batch }: Letter): NonNullable<Letter["batch"]> {
  return batch ?? Object.entries(events).map(([dependency, event]) => ({ dependency, ...event }));
}

function redrivenText({ asked, refused }: Redriven): string {
  const lines = [
    ...asked.map((letter) => `dead letter ${letter.id}: ${nameOf(letter)} ${whatOf(letter)} is done again`),
    ...refused.map(({ id, error }) => `dead letter ${id}: ${error}`),
  ];
  return lines.length === 0 ? "nothing is dead" : lines.join("\n");
}

function idsText(letters: readonly DeadSummary[]): string {
  return letters.map(({ id }) => String(id)).join("\n");
}

function parseId(text: string): number {
  const id = Number(text);
  if (Number.isSafeInteger(id) && id >= 1) return id;
  throw new EngineError("USAGE", `"${text}" must be the id of a dead letter, a whole number`);
}

function sensorOf(text: string): readonly [namespace: string, name: string] {
  const [namespace = "", name = "", ...rest] = text.split("/");
  if (namespace !== "" && name !== "" && rest.length === 0) return [namespace, name];
  throw new EngineError("USAGE", `--sensor: "${text}" must be NAMESPACE/NAME`);
}
