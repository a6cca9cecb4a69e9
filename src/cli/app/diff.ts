import { Command } from "commander";
import { objectOf, textOf } from "../../api/fields.ts";
import type { JsonObject } from "../../base/json.ts";
import { diffLines } from "../../base/text-diff.ts";
import { formatYaml } from "../../base/yaml.ts";
import { diffObject } from "../../gitops/diff/object-diff.ts";
import type { KubeObject } from "../../objects/object.ts";
import { type GlobalFlags, globalFlags } from "../engine-client.ts";
import { exitCodeOf, exitingWith } from "../exit.ts";
import { type ApplicationsClient, type AppName, openApplicationsClient, parseAppName } from "./applications-client.ts";
import { addLocalFlags, type LocalFlags, localManifests } from "./local.ts";
import { stateIn } from "./manifests.ts";
import { addSwitch, parseCount } from "./options.ts";
import { addRevisionFlags, type RevisionFlags, revisionsOf } from "./revision-flags.ts";

interface DiffFlags extends RevisionFlags, LocalFlags {
  readonly refresh?: true;
  readonly hardRefresh?: true;
  readonly exitCode?: boolean;
  readonly diffExitCode: number;
  readonly appNamespace?: string;
}

/** What is compared of one object: as it is, and as it would be. */
interface Sides {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
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
  addSwitch(command, "exit-code", "say by the exit code whether something differs (default)");
  return command.action(async (text: string, flags: DiffFlags, self: Command) => {
    const client = openApplicationsClient(globalFlags(self));
    const shown = await differences(client, parseAppName(text, flags.appNamespace), flags, globalFlags(self)).catch(
      (error: unknown) => {
        // 1 says that something differs; what is already told apart stays so.
        throw error instanceof Error && exitCodeOf(error) === 1 ? exitingWith(errorCode, error) : error;
      },
    );
    process.stdout.write(shown.join(""));
    if (shown.length > 0 && flags.exitCode !== false) process.exitCode = flags.diffExitCode;
  });
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
  const sides = targets === undefined ? managed.map(sidesOf) : sidesAt(managed, targets);
  return sides.flatMap(differenceText);
}

/** Secrets and hooks are left out. */
function isShown({ kind, group, hook }: JsonObject): boolean {
  return hook !== true && !(kind === "Secret" && textOf(group) === "");
}

function namesOf({ group, kind, namespace, name }: JsonObject): Omit<Sides, "before" | "after"> {
  return { group: textOf(group), kind: textOf(kind), namespace: textOf(namespace), name: textOf(name) };
}

function sidesOf(item: JsonObject): Sides {
  const [live, target] = [stateIn(textOf(item.liveState)), stateIn(textOf(item.targetState))];
  if (live === undefined || target === undefined) return { ...namesOf(item), before: live, after: target };
  if (item.modified !== true) return { ...namesOf(item), before: live, after: live };
  const before = stateIn(textOf(item.normalizedLiveState));
  return { ...namesOf(item), before, after: stateIn(textOf(item.predictedLiveState)) };
}

/** With targets of another revision: they are compared here. */
function sidesAt(managed: readonly JsonObject[], targets: readonly JsonObject[]): readonly Sides[] {
  const left = new Set(managed.filter(({ liveState }) => stateIn(textOf(liveState)) !== undefined));
  const wanted = targets.map((target): Sides => {
    const { apiVersion, kind } = target;
    const { name, namespace } = objectOf(target.metadata);
    const group = textOf(apiVersion).includes("/") ? (textOf(apiVersion).split("/")[0] ?? "") : "";
    const item = [...left].find((one) => {
      const found = namesOf(one);
      const isSame = found.group === group && found.kind === kind && found.name === name;
      return isSame && (textOf(namespace) === "" || found.namespace === namespace);
    });
    if (item !== undefined) left.delete(item);
    return sidesWith(target, item, { group, kind: textOf(kind), namespace: textOf(namespace), name: textOf(name) });
  });
  const gone = [...left].map(
    (item): Sides => ({ ...sidesOf(item), before: stateIn(textOf(item.liveState)), after: undefined }),
  );
  return [...wanted.filter((side) => isShown({ ...side, before: null, after: null })), ...gone];
}

function sidesWith(target: JsonObject, item: JsonObject | undefined, names: Omit<Sides, "before" | "after">): Sides {
  const live = item === undefined ? undefined : stateIn(textOf(item.liveState));
  if (item === undefined || live === undefined) return { ...names, before: undefined, after: target };
  const metadata = objectOf(target.metadata);
  // What the engine adds to every target: its namespace and who owns it.
  const tracking = "argocd.argoproj.io/tracking-id";
  const owner = objectOf(objectOf(live.metadata).annotations)[tracking];
  const annotations = { ...objectOf(metadata.annotations), ...(owner === undefined ? {} : { [tracking]: owner }) };
  const { namespace } = namesOf(item);
  const full = { ...target, metadata: { ...metadata, ...(namespace === "" ? {} : { namespace }), annotations } };
  const diff = diffObject(full as unknown as KubeObject, live as unknown as KubeObject);
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
