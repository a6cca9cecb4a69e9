import { Command } from "commander";
import { textOf } from "../../api/fields.ts";
import type { KubeObject } from "../../objects/object.ts";
import { globalFlags } from "../engine-client.ts";
import { print, table } from "../output.ts";
import {
  automatedOf,
  clusterOf,
  conditionsOf,
  destinationNamespaceOf,
  healthOf,
  projectOf,
  qualifiedName,
  sourcesOf,
  syncStatusOf,
} from "./application.ts";
import { openApplicationsClient } from "./applications-client.ts";
import { collected } from "./options.ts";

interface ListFlags {
  readonly project: readonly string[];
  readonly selector?: string;
  readonly repo?: string;
  readonly path?: string;
  readonly appNamespace?: string;
}

/** `tiphys app list` */
export function listCommand(): Command {
  return new Command("list")
    .description("Applications, by name")
    .option("-p, --project <project>", "of this project; may be repeated", collected, [])
    .option("-l, --selector <selector>", "whose labels match")
    .option("-r, --repo <url>", "with this repository")
    .option("-P, --path <path>", "with this path in the repository")
    .option("-N, --app-namespace <namespace>", "in this namespace")
    .action(async (flags: ListFlags, self: Command) => {
      const { project: projects, path, ...query } = flags;
      const all = await openApplicationsClient(globalFlags(self)).list({ projects, ...query });
      const shown = path === undefined ? all : all.filter((one) => pathsOf(one).includes(path));
      print(globalFlags(self), shown, { text: listText, name: namesText });
    });
}

function pathsOf(application: KubeObject): string[] {
  return sourcesOf(application).map(({ path }) => textOf(path));
}

const columns: readonly (readonly [header: string, cell: (application: KubeObject) => string])[] = [
  ["NAME", qualifiedName],
  ["CLUSTER", clusterOf],
  ["NAMESPACE", destinationNamespaceOf],
  ["PROJECT", projectOf],
  ["STATUS", syncStatusOf],
  ["HEALTH", (application) => healthOf(application).status],
  ["SYNCPOLICY", policyText],
  ["CONDITIONS", conditionsSummary],
  ["REPO", (application) => textOf(sourcesOf(application)[0]?.repoURL)],
  ["PATH", (application) => textOf(sourcesOf(application)[0]?.path)],
  ["TARGET", (application) => textOf(sourcesOf(application)[0]?.targetRevision)],
];

export function listText(applications: readonly KubeObject[]): string {
  const headers = columns.map(([header]) => header);
  return table(
    headers,
    applications.map((application) => columns.map(([, cell]) => cell(application))),
  );
}

function namesText(applications: readonly KubeObject[]): string {
  return applications.map(qualifiedName).join("\n");
}

function policyText(application: KubeObject): string {
  const automated = automatedOf(application);
  if (automated === undefined) return "Manual";
  return automated.prune ? "Auto-Prune" : "Auto";
}

/** `SharedResourceWarning(2),SyncError` */
function conditionsSummary(application: KubeObject): string {
  const types = conditionsOf(application).map(({ type }) => textOf(type));
  const counted = [...new Set(types)].toSorted().map((type) => {
    const count = types.filter((one) => one === type).length;
    return count > 1 ? `${type}(${count})` : type;
  });
  return counted.length === 0 ? "<none>" : counted.join(",");
}
