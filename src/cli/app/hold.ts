import { userInfo } from "node:os";
import { Command } from "commander";
import { type Instant, instant, isoTime, systemClock } from "../../base/clock.ts";
import { parseNanoseconds } from "../../base/duration.ts";
import { EngineError } from "../../base/errors.ts";
import { holdAnnotation, holdByAnnotation, holdUntilAnnotation } from "../../gitops/reconcile/holds.ts";
import { type GlobalFlags, globalFlags } from "../engine-client.ts";
import { print, table } from "../output.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { type HoldScopeFlags, openHoldsClient, type ShownHold, scopeText } from "./holds-client.ts";

interface HoldFlags extends HoldScopeFlags {
  readonly reason?: string;
  readonly owner?: string;
  readonly for?: string;
  readonly until?: string;
  readonly release: boolean;
  readonly list: boolean;
  readonly appNamespace?: string;
}

/** `tiphys app hold`, of ours: automated syncs wait; a sync by hand goes on. */
export function holdCommand(): Command {
  return new Command("hold")
    .description("Keeps automated syncs back, of one Application or of many, until it is released or the time is over")
    .argument("[appname]", "NAME or NAMESPACE/NAME; or one of --selector, --cluster and --all")
    .option("-l, --selector <labels>", "Applications with these labels")
    .option("--cluster <url or name>", "Applications whose destination this cluster is")
    .option("--all", "all Applications")
    .option("--reason <text>", "why, for whoever asks")
    .option("--owner <name>", "who holds it; default: you")
    .option("--for <duration>", "how long, e.g. 2h")
    .option("--until <time>", "RFC 3339")
    .option("--release", "end the hold", false)
    .option("--list", "the holds there are", false)
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (app: string | undefined, flags: HoldFlags, self: Command) => {
      const scopes = [app, flags.selector, flags.cluster, flags.all].filter((one) => one !== undefined);
      if (scopes.length !== (flags.list ? 0 : 1)) {
        const wanted = "give one of APPNAME, --selector, --cluster and --all, or --list alone";
        throw new EngineError("USAGE", wanted);
      }
      if (flags.list) return listHolds(globalFlags(self));
      const until = untilOf(flags);
      if (!flags.release && !flags.reason) throw new EngineError("USAGE", "--reason: must be given, or --release");
      if (app === undefined) await holdMany(flags, until, globalFlags(self));
      else await holdOne(app, flags, until, globalFlags(self));
    });
}

async function holdOne(text: string, flags: HoldFlags, until: Instant | undefined, global: GlobalFlags): Promise<void> {
  const app = parseAppName(text, flags.appNamespace);
  const { release, reason = "" } = flags;
  const annotations = {
    [holdAnnotation]: release ? null : reason,
    [holdUntilAnnotation]: release || until === undefined ? null : isoTime(until),
    [holdByAnnotation]: release ? null : ownerOf(flags),
  };
  await openApplicationsClient(global).patch(app, JSON.stringify({ metadata: { annotations } }), "merge");
  process.stdout.write(`Application '${app.name}' ${release ? "released" : `on hold ${endText(until)}`}\n`);
}

async function holdMany(flags: HoldFlags, until: Instant | undefined, global: GlobalFlags): Promise<void> {
  const client = openHoldsClient(global);
  const { release, reason = "" } = flags;
  const hold = release
    ? await client.end(flags)
    : await client.place({ ...flags, reason, owner: ownerOf(flags), ...(until && { until: isoTime(until) }) });
  process.stdout.write(`${scopeText(hold.scope)} ${release ? "released" : `on hold ${endText(until)}`}\n`);
}

async function listHolds(global: GlobalFlags): Promise<void> {
  const holds = await openHoldsClient(global).list();
  const row = ({ scope, reason, owner, until = "" }: ShownHold) => [scopeText(scope), owner, until, reason];
  print(global, holds, { text: (found) => table(["HOLDS", "OWNER", "UNTIL", "REASON"], found.map(row)) });
}

function ownerOf({ owner }: HoldFlags): string {
  if (owner !== undefined) return owner;
  try {
    return userInfo().username;
  } catch {
    return ""; // a user without a name
  }
}

function endText(until: Instant | undefined): string {
  return until === undefined ? "until it is released" : `until ${isoTime(until)}`;
}

function untilOf({ for: duration, until }: HoldFlags): Instant | undefined {
  if (duration !== undefined && until !== undefined) throw new EngineError("USAGE", "--for and --until: give one");
  if (duration !== undefined) {
    const nanoseconds = parseNanoseconds(duration);
    if (nanoseconds === undefined || nanoseconds <= 0n) {
      throw new EngineError("USAGE", `--for: "${duration}" must be a duration such as 90m or 2h`);
    }
    return instant(systemClock.now() + Number(nanoseconds / 1_000_000n));
  }
  if (until === undefined) return undefined;
  const at = Date.parse(until);
  if (Number.isNaN(at))
    throw new EngineError("USAGE", `--until: "${until}" must be a time such as 2026-12-01T08:00:00Z`);
  return instant(at);
}
