import { Command } from "commander";
import type { ApplicationWhy, ShownWait } from "../../controllers/applications/application-why.ts";
import type { WhyNot } from "../../gitops/reconcile/why-not.ts";
import { globalFlags, requireEngine } from "../engine-client.ts";
import { colored, print, shownTime } from "../output.ts";
import { recordText } from "../record-text.ts";
import { traceText } from "../trace.ts";
import { parseAppName } from "./applications-client.ts";

interface WhyFlags {
  readonly not?: string;
  readonly appNamespace?: string;
}

/** `tiphys app why APPNAME [--not COMMIT]`, of ours. Exit codes are those of `tiphys why`. */
export function whyCommand(): Command {
  return new Command("why")
    .description("Why an Application is as it is: what it waits for, and what led to its last sync")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--not <commit>", "why this commit (7 to 40 digits, or the name of a ref) is not what is deployed")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, { not, appNamespace }: WhyFlags, self: Command) => {
      const { name, namespace } = parseAppName(text, appNamespace);
      const query = new URLSearchParams({
        ...(namespace === undefined ? {} : { appNamespace: namespace }),
        ...(not === undefined ? {} : { not }),
      });
      const path = `/applications/${encodeURIComponent(name)}/why?${query}`;
      print(globalFlags(self), await requireEngine(globalFlags(self)).get<ApplicationWhy>(path), {
        text: applicationText,
      });
    });
}

export function applicationText({
  application,
  sync,
  health,
  decided,
  waits,
  chain,
  since,
  not,
}: ApplicationWhy): string {
  const revisions = sync.revisions.length === 0 ? "" : ` at ${sync.revisions.map(short).join(", ")}`;
  const said = health.message === "" ? "" : ` (${health.message})`;
  return [
    `Application ${application.namespace}/${application.name}: ${sync.status || "not compared"}${revisions}, ${health.status || "no health"}${said}`,
    ...(not === undefined ? [] : [notText(not)]),
    ...(waits.length === 0 ? ["waits for nothing"] : waits.map(waitText)),
    ...(decided === undefined
      ? []
      : [`last look ${decided.at}${decided.isStored ? ", by its status" : ""}: ${decided.text}`]),
    ...(chain === undefined ? ["no sync is known"] : [traceText(chain)]),
    ...since.flatMap((entry) =>
      entry.kind === "record" ? [`${shownTime(entry.record.at)}  ${recordText(entry.record)}`] : [],
    ),
  ].join("\n");
}

function notText({ commit, verdict, text }: WhyNot): string {
  return `${short(commit)} ${colored(verdict === "deployed" ? "green" : "yellow", verdict)}: ${text}`;
}

function waitText(wait: ShownWait): string {
  const since = wait.since === undefined ? "" : ` since ${wait.since}`;
  const until = wait.until === undefined ? "" : ` until ${wait.until}`;
  return `waits for ${colored("yellow", wait.for)}${since}${until}: ${wait.text}\n  to go on: ${wait.remedy}`;
}

function short(revision: string): string {
  return /^[0-9a-f]{40,64}$/.test(revision) ? revision.slice(0, 7) : revision;
}
