import { Command, Option } from "commander";
import { objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { parseLabelSelector } from "../../objects/selector.ts";
import { confirm } from "../confirm.ts";
import { type GlobalFlags, globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { operationStateOf, syncResultsOf, syncStatusOf } from "./application.ts";
import { type ApplicationsClient, type AppName, openApplicationsClient, parseAppName } from "./applications-client.ts";
import { differences } from "./diff.ts";
import { checkSucceeded, finishOperation } from "./finish.ts";
import { addLocalFlags, type LocalFlags, localManifests } from "./local.ts";
import { stateIn } from "./manifests.ts";
import { collected, parseCount, parsePause } from "./options.ts";
import { addRevisionFlags } from "./revision-flags.ts";
import { parseInfo, parseResource, type RequestFlags, syncBodyOf } from "./sync-request.ts";

interface SyncFlags extends RequestFlags, LocalFlags {
  readonly label: readonly string[];
  readonly previewChanges?: true;
  readonly assumeYes?: true;
  readonly selector?: string;
  readonly project: readonly string[];
  readonly appNamespace?: string;
  readonly async?: true;
  /** Seconds; 0: no end. */
  readonly timeout: number;
}

const errorExitCode = 20;

/** `tiphys app sync [APPNAME…]` */
export function syncCommand(): Command {
  const command = new Command("sync")
    .description("Makes the cluster what the source says, and waits until that is done")
    .argument("[appname...]", "NAME or NAMESPACE/NAME")
    .option("-l, --selector <selector>", "all Applications whose labels match")
    .option("--project <project>", "all Applications of this project; may be repeated", collected, [])
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .option("--resource <resource>", "[!]GROUP:KIND:[NAMESPACE/]NAME; may be repeated", parseResource, [])
    .option("--prune", "delete what the source has no more")
    .option("--dry-run", "change nothing")
    .option("--force", "make objects anew that cannot be changed")
    .option("--replace", "replace objects instead of applying them")
    .option("--server-side", "server-side apply")
    .option("--apply-out-of-sync-only", "leave alone what is in sync")
    .addOption(new Option("--strategy <strategy>", "without or with hooks").choices(["apply", "hook"]).default("hook"))
    .option("--async", "do not wait")
    .option("--timeout <seconds>", "how long to wait; 0: as long as it takes", parseCount, 0)
    .option("--info <key=value>", "kept with the operation; may be repeated", parseInfo, [])
    .option("--retry-limit <n>", "how often a failed sync is tried again", parseCount, 0)
    .option("--retry-backoff-duration <duration>", "the first pause (default: 5s)", parsePause, 5_000)
    .option("--retry-backoff-factor <n>", "each pause is so many times the one before", parseCount, 2)
    .option("--retry-backoff-max-duration <duration>", "the longest pause (default: 3m)", parsePause, 180_000)
    .option("--retry-refresh", "a retry takes the newest revision")
    .option("--label <key=value>", "objects with this label alone; may be repeated", collected, [])
    .option("--preview-changes", "show what differs, and ask")
    .option("--assumeYes", "with --preview-changes: do not ask");
  return addLocalFlags(addRevisionFlags(command)).action(
    async (texts: readonly string[], flags: SyncFlags, self: Command) => {
      const names = texts.map((text) => parseAppName(text, flags.appNamespace));
      checkChoice(names, flags);
      const client = openApplicationsClient(globalFlags(self));
      const apps = names.length > 0 ? names : await chosenApps(client, flags);
      for (const [index, app] of apps.entries()) {
        if (index > 0 && globalFlags(self).output === "yaml" && !flags.async) process.stdout.write("---\n");
        await syncOne(client, app, flags, globalFlags(self));
      }
    },
  );
}

function checkChoice(names: readonly AppName[], { selector, project }: SyncFlags): void {
  const isChosen = selector !== undefined || project.length > 0;
  if (names.length > 0 && isChosen) {
    throw new EngineError("USAGE", "--selector and --project cannot be used together with an APPNAME");
  }
  if (names.length === 0 && !isChosen) throw new EngineError("USAGE", "give an APPNAME, --selector or --project");
}

async function chosenApps(client: ApplicationsClient, flags: SyncFlags): Promise<readonly AppName[]> {
  const { selector, project: projects, appNamespace } = flags;
  const query = { projects, ...(selector && { selector }), ...(appNamespace && { appNamespace }) };
  const found = await client.list(query);
  if (found.length > 0) return found.map(nameOf);
  const asked = [selector === undefined ? "" : `selector "${selector}"`, ...projects.map((one) => `project "${one}"`)];
  throw new EngineError("NOT_FOUND", `no Applications match ${asked.filter((text) => text !== "").join(", ")}`);
}

function nameOf({ metadata }: KubeObject): AppName {
  const { name = "", namespace } = metadata;
  return { name, ...(namespace === undefined ? {} : { namespace }) };
}

async function syncOne(client: ApplicationsClient, asked: AppName, flags: SyncFlags, global: GlobalFlags) {
  const before = await client.get(asked);
  const app = nameOf(before);
  const request = await requestOf(client, app, flags, before, global);
  if (flags.previewChanges && !(await isWanted(client, app, flags, global))) return;
  const started = await client.sync(app, request);
  if (flags.async) return;
  const { timeout, resource, dryRun } = flags;
  const options = { timeout, resource, refreshes: !dryRun };
  const { finished, last } = await finishOperation(client, app, started, options, global);
  checkOutcome(finished, last, flags);
}

/** With what a folder says, and the objects of a label. */
async function requestOf(
  client: ApplicationsClient,
  app: AppName,
  flags: SyncFlags,
  before: KubeObject,
  { dataDir }: GlobalFlags,
) {
  const body = bodyOf(flags, before);
  const local = (await localManifests(before, flags, dataDir))?.map((one) => JSON.stringify(one));
  const resources = flags.label.length === 0 ? undefined : labelled(await client.managed(app), flags.label);
  return { ...body, ...(local && { manifests: local }), ...(resources && { resources }) };
}

/** @throws EngineError NOT_FOUND when no object has the labels */
function labelled(managed: readonly JsonObject[], labels: readonly string[]): readonly JsonObject[] {
  const matches = parseLabelSelector(labels.join(","));
  const found = managed.filter(({ targetState, liveState }) => {
    const state = stateIn(textOf(targetState)) ?? stateIn(textOf(liveState));
    const own = objectOf(objectOf(state?.metadata).labels);
    return matches(Object.fromEntries(Object.entries(own).map(([key, value]) => [key, textOf(value)])));
  });
  if (found.length === 0)
    throw new EngineError("NOT_FOUND", `no object of the Application has the label ${labels.join(", ")}`);
  return found.map(({ group, kind, namespace, name }) => ({ ...{ group, kind, namespace, name } }) as JsonObject);
}

/** Shows what differs, and asks; no is no failure. */
async function isWanted(
  client: ApplicationsClient,
  app: AppName,
  flags: SyncFlags,
  global: GlobalFlags,
): Promise<boolean> {
  const texts = await differences(client, app, flags, global);
  process.stdout.write(texts.length === 0 ? "nothing differs\n" : texts.join(""));
  const { stdin: input, stderr: output } = process;
  const statement = "This is what the sync changes.";
  const asked = { subject: "the sync", statement, declined: "nothing was synced", input, output };
  try {
    await confirm({ ...asked, assumeYes: flags.assumeYes === true });
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.code === "NOT_CONFIRMED") return false;
    throw error;
  }
}

function bodyOf(flags: SyncFlags, application: KubeObject) {
  try {
    return syncBodyOf(flags, application);
  } catch (error) {
    throw error instanceof EngineError ? exitingWith(errorExitCode, error) : error;
  }
}

/** `finished` has the outcome; a later operation may have begun in `last`. @throws EngineError SYNC_FAILED */
function checkOutcome(finished: KubeObject, last: KubeObject, { dryRun, resource }: SyncFlags): void {
  checkSucceeded(finished);
  const state = operationStateOf(finished);
  if (dryRun || resource.length > 0 || syncStatusOf(last) === "Synced") return;
  const left = syncResultsOf(state).filter(({ status }) => status === "PruneSkipped").length;
  if (left > 0) throw new EngineError("SYNC_FAILED", `${left} resources require pruning`);
}
