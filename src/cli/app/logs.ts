import { Command } from "commander";
import { sleepFor, systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { type EngineClient, globalFlags, requireEngine } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { asked, parseAppName } from "./applications-client.ts";
import { parseCount } from "./options.ts";

interface LogsFlags {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly container?: string;
  readonly follow: boolean;
  readonly tail?: number;
  readonly sinceSeconds?: number;
  readonly untilTime?: string;
  readonly filter?: string;
  readonly matchCase: boolean;
  readonly previous: boolean;
  readonly appNamespace?: string;
}

/** A line of the stream, or why it ended. */
interface Answer {
  readonly result?: { readonly content: string; readonly timeStampStr: string; readonly last: boolean };
  readonly error?: { readonly message: string };
}

const apiErrorCode = 20;
/** Before a stream that broke off is asked for again. */
const againMs = 1_000;

/** `tiphys app logs APPNAME` */
export function logsCommand(): Command {
  return new Command("logs")
    .description("The logs of an Application's Pods")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--group <group>", "of the object above the Pods")
    .option("--kind <kind>", "of the object above the Pods, or Pod")
    .option("--name <name>", "of the object above the Pods, or of the Pod")
    .option("--namespace <namespace>", "of the object above the Pods, or of the Pod")
    .option("-c, --container <container>", "the container; default: the first")
    .option("-f, --follow", "go on as they come", false)
    .option("--tail <lines>", "the last lines alone; 0: all", parseCount)
    .option("--since-seconds <seconds>", "what was written since", parseCount)
    .option("--until-time <time>", "RFC 3339: what was written before")
    .option("--filter <text>", "lines with this text alone; with ! before it, those without")
    .option("-m, --match-case", "capitals count in the filter", false)
    .option("-p, --previous", "of the container that ran before", false)
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: LogsFlags, self: Command) => {
      const { untilTime } = flags;
      if (untilTime !== undefined && Number.isNaN(Date.parse(untilTime))) {
        throw new EngineError("USAGE", `--until-time: "${untilTime}" must be a time such as 2026-12-01T08:00:00Z`);
      }
      await printLogs(requireEngine(globalFlags(self), "/api/v1"), text, flags);
    });
}

/** A stream that breaks off while it is followed is asked for again, from its last line on. */
async function printLogs(engine: EngineClient, text: string, flags: LogsFlags): Promise<void> {
  const { signal } = new AbortController();
  let last = "";
  for (;;) {
    const from = last;
    try {
      for await (const line of linesOf(engine.follow<Answer>(pathOf(text, flags, from), signal), from)) {
        if (line.time > last) last = line.time;
        process.stdout.write(`${line.content}\n`);
      }
      return;
    } catch (error) {
      if (!flags.follow || last === "" || !isBroken(error)) return asked(Promise.reject(error));
      await sleepFor(systemClock, againMs, signal);
    }
  }
}

/** Without those that were shown before the stream broke off at `from`. */
async function* linesOf(answers: AsyncIterable<Answer>, from: string) {
  for await (const { result, error } of answers) {
    if (error !== undefined) throw exitingWith(apiErrorCode, new Error(error.message));
    if (result === undefined || result.last || (from !== "" && result.timeStampStr <= from)) continue;
    yield { content: result.content, time: result.timeStampStr };
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof EngineError && error.code === "ENGINE_UNREACHABLE";
}

function pathOf(text: string, flags: LogsFlags, last: string): string {
  const { name, namespace } = parseAppName(text, flags.appNamespace);
  const { group, kind, container, untilTime, filter, tail, sinceSeconds, follow, matchCase, previous } = flags;
  const from = last === "" ? { tailLines: tail, sinceSeconds } : { sinceTime: last };
  const given = {
    ...{ appNamespace: namespace, group, kind, resourceName: flags.name, namespace: flags.namespace, container },
    ...{ untilTime, filter, follow, matchCase, previous, ...from },
  };
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(given)) if (value !== undefined) query.set(key, String(value));
  return `/applications/${encodeURIComponent(name)}/logs?${query}`;
}
