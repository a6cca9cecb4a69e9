import { Command } from "commander";
import { parseApplication } from "../../api/application.ts";
import { textOf } from "../../api/fields.ts";
import { compareOptionsOf } from "../../api/resource-annotations.ts";
import type { JsonObject } from "../../base/json.ts";
import { diffLines } from "../../base/text-diff.ts";
import { formatYaml } from "../../base/yaml.ts";
import { diffObject } from "../../gitops/diff/object-diff.ts";
import { createDiffRules, type DiffRules } from "../../gitops/diff/rules.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type GlobalFlags, globalFlags } from "../engine-client.ts";
import { exitCodeOf, exitingWith } from "../exit.ts";
import { type ApplicationsClient, type AppName, openApplicationsClient, parseAppName } from "./applications-client.ts";
import { addLocalFlags, type LocalFlags, localManifests } from "./local.ts";
import { stateIn } from "./manifests.ts";
import { isShown, namesOf, namesOfTarget, paired, type Sides, sidesOf } from "./object-sides.ts";
import { addSwitch, parseCount } from "./options.ts";
import { addRevisionFlags, type RevisionFlags, revisionsOf } from "./revision-flags.ts";
import { addServerSideFlags, type ServerSideFlags, serverSides } from "./server-side.ts";

interface DiffFlags extends RevisionFlags, LocalFlags, ServerSideFlags {
  readonly refresh?: true;
  readonly hardRefresh?: true;
  readonly exitCode?: boolean;
  readonly diffExitCode: number;
  readonly appNamespace?: string;
}

const errorCode = 20;

/** `tiphys app diff APPNAME` */
export function diffCommand(): Command {
  const command = new Command("diff")
    .description("How the cluster differs from the source: exits 0 when it does not, 1 when it does")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--refresh", "compare anew first")
    .option("--hard-refresh", "render and compare anew first")
    .option("--diff-exit-code <code>", "instead of 1", parseCount, 1)
    .option("-N, --app-namespace <namespace>", "the Application's namespace");
  addLocalFlags(addRevisionFlags(command));
  addServerSideFlags(command);
  addSwitch(command, "exit-code", "say by the exit code whether something differs (default)");
  return command.action(async (text: string, flags: DiffFlags, self: Command) => {
    const shown = await shownTo(text, flags, globalFlags(self)).catch((error: unknown) => {
      // 1 says that something differs, 2 that arguments or files are wrong: whatever else fails is an error.
      throw error instanceof Error && exitCodeOf(error) !== 2 ? exitingWith(errorCode, error) : error;
    });
    process.stdout.write(shown.join(""));
    if (shown.length > 0 && flags.exitCode !== false) process.exitCode = flags.diffExitCode;
  });
}

async function shownTo(text: string, flags: DiffFlags, global: GlobalFlags): Promise<readonly string[]> {
  return differences(openApplicationsClient(global), parseAppName(text, flags.appNamespace), flags, global);
}

/** A text for each object that differs. */
export async function differences(
  client: ApplicationsClient,
  app: AppName,
  flags: Omit<DiffFlags, "diffExitCode">,
  { dataDir }: GlobalFlags,
): Promise<readonly string[]> {
  const application = await client.get(app, flags.hardRefresh ? "hard" : flags.refresh ? "normal" : undefined);
  const managed = (await client.managed(app)).filter(isShown);
  const wanted = revisionsOf(flags, application);
  const isOther = wanted.revision !== undefined || wanted.revisions.length > 0;
  const local = await localManifests(application, flags, dataDir);
  const targets = local ?? (isOther ? await client.manifests(app, wanted) : undefined);
  if (flags.serverSideDiff) return (await serverSides(client, app, managed, targets, flags)).flatMap(differenceText);
  const sides = targets === undefined ? managed.map(sidesOf) : sidesAt(managed, targets, rulesOf(application));
  return sides.flatMap(differenceText);
}

/** What the Application leaves out of comparisons; what `argocd-cm` does is the engine's to know. */
function rulesOf(manifest: KubeObject): DiffRules {
  const {
    ignoreDifferences: ignore,
    metadata,
    syncPolicy,
  } = parseApplication(manifest as unknown as JsonObject).resource;
  const compareOptions = compareOptionsOf(metadata.annotations);
  return createDiffRules({ ignore, compareOptions, syncOptions: syncPolicy.syncOptions });
}

/** With targets of another revision: they are compared here. */
function sidesAt(managed: readonly JsonObject[], targets: readonly JsonObject[], rules: DiffRules): readonly Sides[] {
  const { pairs, gone } = paired(managed, targets);
  const wanted = pairs.map(({ target, item }) => sidesWith(target, item, rules));
  return [...wanted.filter((side) => isShown({ ...side, before: null, after: null })), ...gone];
}

function sidesWith(target: JsonObject, item: JsonObject | undefined, rules: DiffRules): Sides {
  const live = item === undefined ? undefined : stateIn(textOf(item.liveState));
  if (item === undefined || live === undefined) return { ...namesOfTarget(target), before: undefined, after: target };
  const diff = diffObject(target as unknown as KubeObject, live as unknown as KubeObject, { rules });
  const before = diff.normalizedLive ?? live;
  return { ...namesOf(item), before, after: diff.isModified ? (diff.predictedLive ?? target) : before };
}

function differenceText({ group, kind, namespace, name, before, after }: Sides): readonly string[] {
  const lines = diffLines(yamlOf(before), yamlOf(after));
  if (lines.length === 0) return [];
  return [`\n===== ${group}/${kind} ${namespace}/${name} ======\n${lines.join("\n")}\n`];
}

function yamlOf(object: JsonObject | undefined): string {
  return object === undefined ? "" : formatYaml(object);
}
