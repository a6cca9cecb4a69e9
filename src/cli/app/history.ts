import { Command } from "commander";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { instant } from "../../base/clock.ts";
import { goTimeString } from "../../base/go/time.ts";
import type { JsonObject } from "../../base/json.ts";
import type { TimeZone } from "../../base/time-zone.ts";
import type { KubeObject } from "../../objects/object.ts";
import { globalFlags } from "../engine-client.ts";
import { print, table } from "../output.ts";
import { statusOf } from "./application.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { localZone } from "./summary.ts";

/** `tiphys app history APPNAME` */
export function historyCommand(): Command {
  return new Command("history")
    .description("What was deployed, the oldest first")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: { readonly appNamespace?: string }, self: Command) => {
      const client = openApplicationsClient(globalFlags(self));
      const entries = historyOf(await client.get(parseAppName(text, flags.appNamespace)));
      print(globalFlags(self), entries, {
        text: (all) => historyText(all, localZone()),
        own: { id: (all) => all.map(({ id }) => `${Number(id ?? 0)}\n`).join("") },
      });
    });
}

/** Oldest first. */
export function historyOf(application: KubeObject): readonly JsonObject[] {
  return listOf(statusOf(application).history).map(objectOf);
}

interface Deployed {
  readonly url: string;
  readonly row: readonly string[];
}

/** A table for each source, in the order in which they were deployed first. */
export function historyText(entries: readonly JsonObject[], zone: TimeZone): string {
  const all = entries.flatMap((entry) => deployedBy(entry, zone));
  const urls = [...new Set(all.map(({ url }) => url))];
  return urls
    .map((url) => {
      const rows = all.filter((one) => one.url === url).map(({ row }) => row);
      return `SOURCE  ${url}\n${table(["ID", "DATE", "REVISION"], rows)}\n`;
    })
    .join("\n");
}

function deployedBy(entry: JsonObject, zone: TimeZone): readonly Deployed[] {
  const sources = listOf(entry.sources).map(objectOf);
  const revisions = listOf(entry.revisions).map(textOf);
  const at = Date.parse(textOf(entry.deployedAt));
  const date = Number.isNaN(at) ? "" : goTimeString(instant(at), zone);
  const one = (source: JsonObject, revision: string): Deployed => ({
    url: textOf(source.repoURL),
    row: [String(Number(entry.id ?? 0)), date, revisionText(textOf(source.targetRevision), revision)],
  });
  if (sources.length === 0) return [one(objectOf(entry.source), textOf(entry.revision))];
  return sources.map((source, index) => one(source, revisions[index] ?? ""));
}

/** `main (1a2b3c4)`; the commit alone where the target is none. */
function revisionText(target: string, revision: string): string {
  const short = /^[0-9a-f]{40}$/.test(revision) ? revision.slice(0, 7) : revision;
  return target === "" ? short : `${target} (${short})`;
}
