import { Command } from "commander";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { instant } from "../../base/clock.ts";
import { goTimeString } from "../../base/go/time.ts";
import type { JsonObject } from "../../base/json.ts";
import type { TimeZone } from "../../base/time-zone.ts";
import type { KubeObject } from "../../objects/object.ts";
import type { SyncRecord } from "../../record/records.ts";
import { globalFlags } from "../engine-client.ts";
import { parseLimit } from "../flag-values.ts";
import { print, shownTime, table } from "../output.ts";
import { oneLine, statusOf } from "./application.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { localZone } from "./summary.ts";

interface HistoryFlags {
  readonly all: boolean;
  readonly limit: number;
  readonly appNamespace?: string;
}

/** `tiphys app history APPNAME`; `--all` is of ours. */
export function historyCommand(): Command {
  return new Command("history")
    .description("What was deployed, the oldest first")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--all", "every sync that the ledger has, failed ones too, the newest first", false)
    .option("--limit <n>", "with --all: how many at most (1 to 1000)", parseLimit, 50)
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: HistoryFlags, self: Command) => {
      const client = openApplicationsClient(globalFlags(self));
      if (flags.all) {
        const syncs = await client.syncs(parseAppName(text, flags.appNamespace), flags.limit);
        const ids = (all: readonly SyncRecord[]) => all.map(({ id }) => id).join("\n");
        return print(globalFlags(self), syncs, { text: syncsText, name: ids, own: { id: ids } });
      }
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

/** `tiphys trace ID` tells what led to one, and what came of it. */
function syncsText(syncs: readonly SyncRecord[]): string {
  if (syncs.length === 0) return "no syncs are known";
  const rows = syncs.map(({ id, at, phase, revisions, by, options = [], message }) => {
    const asked = options.length === 0 ? "" : ` (${options.join(", ")})`;
    const commits = revisions.map((revision) => revisionText("", revision)).join(",");
    return [id, shownTime(at), phase, commits, `${by ?? "automated"}${asked}`, oneLine(message)];
  });
  return table(["ID", "ENDED", "PHASE", "REVISION", "BY", "MESSAGE"], rows);
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
  const short = /^[0-9a-f]{40,64}$/.test(revision) ? revision.slice(0, 7) : revision;
  return target === "" ? short : `${target} (${short})`;
}
