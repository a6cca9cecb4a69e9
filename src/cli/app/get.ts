import { Command } from "commander";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { KubeObject } from "../../objects/object.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { print, table } from "../output.ts";
import { qualifiedName, sourcesOf } from "./application.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { heldBy, openHoldsClient } from "./holds-client.ts";
import { parseCount } from "./options.ts";
import { positionOf } from "./set.ts";
import { detailsText, localZone } from "./summary.ts";
import { treeText } from "./tree-text.ts";

interface GetFlags {
  readonly refresh?: true;
  readonly hardRefresh?: true;
  readonly showOperation?: true;
  readonly showParams?: true;
  readonly appNamespace?: string;
  /** Seconds. */
  readonly timeout: number;
  /** From 1. */
  readonly sourcePosition?: number;
  readonly sourceName?: string;
}

/** `tiphys app get APPNAME` */
export function getCommand(): Command {
  return new Command("get")
    .description("One Application: its state, conditions and objects")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--refresh", "compare anew first")
    .option("--hard-refresh", "render and compare anew first")
    .option("--show-operation", "with the last operation")
    .option("--show-params", "with the parameters of its charts")
    .option("--timeout <seconds>", "give up after so many; 0: never", parseCount, 0)
    .option("--source-position <n>", "the parameters of this source alone, from 1", parseCount)
    .option("--source-name <name>", "the parameters of this source alone")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: GetFlags, self: Command) => {
      const app = parseAppName(text, flags.appNamespace);
      const client = openApplicationsClient(globalFlags(self));
      const application = await within(flags.timeout, text, (signal) => client.get(app, refreshOf(flags), signal));
      const windows = await client.windows(app);
      const holds = heldBy(application, await openHoldsClient(globalFlags(self)).list());
      const context = { url: client.url, zone: localZone(), clock: systemClock, windows, holds };
      const { output } = globalFlags(self);
      const tree = output === "tree" || output === "tree=detailed" ? await client.tree(app) : {};
      const asTree = (isDetailed: boolean) => (found: KubeObject) =>
        `${detailsText(found, context, flags.showOperation === true, false)}\n\n${treeText(tree, found, systemClock.now(), isDetailed)}`;
      print(globalFlags(self), application, {
        text: (found) =>
          [
            detailsText(found, context, flags.showOperation === true),
            ...(flags.showParams ? ["", parametersText(found, flags)] : []),
          ].join("\n"),
        name: qualifiedName,
        own: { tree: asTree(false), "tree=detailed": asTree(true) },
      });
    });
}

/** @throws EngineError WAIT_TIMEOUT, exit 20; what was asked goes on in the engine */
async function within<T>(seconds: number, app: string, ask: (signal?: AbortSignal) => Promise<T>): Promise<T> {
  if (seconds === 0) return ask();
  const signal = AbortSignal.timeout(seconds * 1_000);
  return ask(signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    throw exitingWith(20, new EngineError("WAIT_TIMEOUT", `timed out (${seconds}s) waiting for app "${app}"`, error));
  });
}

function parametersText(application: KubeObject, flags: GetFlags): string {
  const sources = sourcesOf(application);
  const isOne = flags.sourcePosition !== undefined || flags.sourceName !== undefined;
  const one = isOne ? positionOf(sources, flags) : undefined;
  const all = sources
    .filter((_, index) => one === undefined || index === one)
    .flatMap(({ helm }) => listOf(objectOf(helm).parameters).map(objectOf));
  return table(
    ["NAME", "VALUE"],
    all.map(({ name, value }) => [textOf(name), textOf(value)]),
  );
}

function refreshOf({ refresh, hardRefresh }: GetFlags): "normal" | "hard" | undefined {
  if (hardRefresh) return "hard";
  return refresh ? "normal" : undefined;
}
