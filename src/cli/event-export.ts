import { once } from "node:events";
import { Command, InvalidArgumentError, Option } from "commander";
import { sleepFor, systemClock } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import { defaultSource } from "../ledger/export/cdevents.ts";
import { type ExportFormat, exported, exportFormats } from "../ledger/export/records-out.ts";
import type { ExportQuery } from "../ledger/history.ts";
import type { LedgerRecord } from "../record/records.ts";
import { findEngine, globalFlags } from "./engine-client.ts";
import { type HistorySource, withHistory } from "./source-of-history.ts";
import { timeOf } from "./time-flag.ts";

interface Flags {
  readonly format: ExportFormat;
  readonly since?: string;
  readonly until?: string;
  readonly after?: string;
  readonly kind?: LedgerRecord["kind"];
  readonly source: string;
  readonly follow: boolean;
}

const kinds = Object.keys({
  ...{ decision: true, effect: true, sync: true, observation: true, lost: true, missed: true, invalid: true },
} satisfies Record<LedgerRecord["kind"], true>);

/** Records asked for at once: what is in memory. */
const pageSize = 500;
const followMs = 1_000;

/** `tiphys event export`: the ledger as lines of JSON, from a place on. */
export function eventExportCommand(): Command {
  return new Command("export")
    .description(
      "What the ledger records, oldest first, a line of JSON for each: decisions, effects, syncs, observations; " +
        "cdevents: what was deployed, upgraded, rolled back and removed",
    )
    .addOption(new Option("--format <format>", "the form of a line").choices(exportFormats).default("jsonl"))
    .option("--since <time>", "from then on: a time such as 2026-01-31T10:00:00Z, or 90m, 24h, 7d ago (default: all)")
    .option("--until <time>", "before then")
    .option("--after <id>", "what came after this record: the id of the last line goes on where an export ended")
    .addOption(new Option("--kind <kind>", "of one kind").choices(kinds))
    .option("--source <uri>", "who tells, in events: a URI reference", parseSource, defaultSource)
    .option("-f, --follow", "go on with what is recorded from now on", false)
    .action(async (flags: Flags, self: Command) => {
      const global = globalFlags(self);
      if (flags.follow && findEngine(global) === undefined) {
        throw new EngineError("USAGE", "--follow: no engine runs, so nothing is recorded from now on");
      }
      const query = queryOf(flags);
      await withHistory(global, (history) => writeAll(history, query, flags));
    });
}

async function writeAll(history: HistorySource, query: Omit<ExportQuery, "limit">, flags: Flags): Promise<void> {
  const stop = stopOf(flags.follow);
  let { after } = query;
  while (!stop.aborted) {
    const page = await history.exportPage({ ...query, limit: pageSize, ...(after === undefined ? {} : { after }) });
    for (const record of page.records) await writeLine(exported(record, flags.format, flags.source));
    after = page.next ?? after;
    if (page.isEnd && !flags.follow) return;
    if (page.isEnd) await sleepFor(systemClock, followMs, stop).catch(() => undefined);
  }
}

/** Who reads slowly is waited for; who has gone ends the program, as everywhere. */
async function writeLine(value: unknown): Promise<void> {
  if (value === undefined) return;
  if (!process.stdout.write(`${JSON.stringify(value)}\n`)) await once(process.stdout, "drain");
}

/** Ctrl-C ends it between two lines. */
function stopOf(follow: boolean): AbortSignal {
  const stop = new AbortController();
  if (follow) for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => stop.abort());
  return stop.signal;
}

function queryOf({ since, until, after, kind, format }: Flags): Omit<ExportQuery, "limit"> {
  const now = systemClock.now();
  const from = since === undefined ? undefined : timeOf(since, "--since", now);
  const to = until === undefined ? undefined : timeOf(until, "--until", now);
  if (from !== undefined && to !== undefined && from > to) {
    throw new EngineError("USAGE", `--since ${since} lies after --until ${until}`);
  }
  if (format === "cdevents" && kind !== undefined && kind !== "sync" && kind !== "observation") {
    throw new EngineError("USAGE", `--kind ${kind}: there are CDEvents of syncs and observations only`);
  }
  return {
    ...(from === undefined ? {} : { since: from }),
    ...(to === undefined ? {} : { until: to }),
    ...(after === undefined ? {} : { after }),
    ...(kind === undefined ? {} : { kind }),
  };
}

/** Of CloudEvents: a URI reference that is not empty. */
function parseSource(text: string): string {
  if (/^[^\s"<>\\^`{|}]+$/.test(text) && URL.canParse(text, "http://localhost/")) return text;
  throw new InvalidArgumentError(`"${text}" must be a URI reference such as /clusters/prod or https://tiphys.example`);
}
