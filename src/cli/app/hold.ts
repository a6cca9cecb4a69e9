import { Command } from "commander";
import { instant, isoTime, systemClock } from "../../base/clock.ts";
import { parseNanoseconds } from "../../base/duration.ts";
import { EngineError } from "../../base/errors.ts";
import { holdAnnotation, holdUntilAnnotation } from "../../gitops/reconcile/held-back.ts";
import { globalFlags } from "../engine-client.ts";
import { type ApplicationsClient, type AppName, openApplicationsClient, parseAppName } from "./applications-client.ts";

interface HoldFlags {
  readonly reason?: string;
  readonly for?: string;
  readonly until?: string;
  readonly release: boolean;
  readonly appNamespace?: string;
}

/** `tiphys app hold APPNAME`, of ours: automated syncs wait; a sync by hand goes on. */
export function holdCommand(): Command {
  return new Command("hold")
    .description("Keeps automated syncs of an Application back, until it is released or the time is over")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--reason <text>", "why, for whoever asks")
    .option("--for <duration>", "how long, e.g. 2h")
    .option("--until <time>", "RFC 3339")
    .option("--release", "end the hold", false)
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: HoldFlags, self: Command) => {
      const app = parseAppName(text, flags.appNamespace);
      const until = untilOf(flags);
      if (!flags.release && !flags.reason) throw new EngineError("USAGE", "--reason: must be given, or --release");
      await annotate(openApplicationsClient(globalFlags(self)), app, {
        [holdAnnotation]: flags.release ? null : (flags.reason ?? ""),
        [holdUntilAnnotation]: flags.release ? null : (until ?? null),
      });
      const end = until === undefined ? "until it is released" : `until ${until}`;
      process.stdout.write(`Application '${app.name}' ${flags.release ? "released" : `on hold ${end}`}\n`);
    });
}

function untilOf({ for: duration, until }: HoldFlags): string | undefined {
  if (duration !== undefined && until !== undefined) throw new EngineError("USAGE", "--for and --until: give one");
  if (duration !== undefined) {
    const nanoseconds = parseNanoseconds(duration);
    if (nanoseconds === undefined || nanoseconds <= 0n) {
      throw new EngineError("USAGE", `--for: "${duration}" must be a duration such as 90m or 2h`);
    }
    return isoTime(instant(systemClock.now() + Number(nanoseconds / 1_000_000n)));
  }
  if (until === undefined) return undefined;
  const at = Date.parse(until);
  if (Number.isNaN(at))
    throw new EngineError("USAGE", `--until: "${until}" must be a time such as 2026-12-01T08:00:00Z`);
  return isoTime(instant(at));
}

/** `tiphys app approve APPNAME`, of ours: what the guard keeps back may be deleted. */
export function approveCommand(): Command {
  return new Command("approve")
    .description("Approves the plan that an automated sync waits with; without --plan it is only shown")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--plan <digest>", "the plan, as it was shown: another set of deletions needs another approval")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: { readonly plan?: string; readonly appNamespace?: string }, self: Command) => {
      const app = parseAppName(text, flags.appNamespace);
      const client = openApplicationsClient(globalFlags(self));
      if (flags.plan === undefined) {
        const { plan, message } = await client.approval(app);
        process.stdout.write(`${message}\nTo approve: tiphys app approve ${text} --plan ${plan}\n`);
        return;
      }
      await client.approve(app, flags.plan);
      process.stdout.write(`Application '${app.name}' plan ${flags.plan} approved\n`);
    });
}

/** Null takes an annotation away. */
async function annotate(
  client: ApplicationsClient,
  app: AppName,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  await client.patch(app, JSON.stringify({ metadata: { annotations } }), "merge");
}
