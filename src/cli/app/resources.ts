import { Command } from "commander";
import { objectsOf, textOf } from "../../api/fields.ts";
import { systemClock } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import { globalFlags } from "../engine-client.ts";
import { print, table } from "../output.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { parseCount } from "./options.ts";
import { treeText } from "./tree-text.ts";

interface ResourcesFlags {
  readonly orphaned?: true;
  readonly depth: number;
  readonly appNamespace?: string;
  readonly project?: string;
}

/** `tiphys app resources APPNAME` */
export function resourcesCommand(): Command {
  return new Command("resources")
    .description("The objects of an Application")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--orphaned", "those alone that belong to no Application")
    .option("--depth <n>", "so many levels of them alone, and how many more there are below; 0: all", parseCount, 0)
    .option("--project <project>", "the project that the Application must be of")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: ResourcesFlags, self: Command) => {
      const client = openApplicationsClient(globalFlags(self));
      const app = parseAppName(text, flags.appNamespace, flags.project);
      const tree = await client.tree(app, flags.depth);
      const shown = flags.orphaned ? { nodes: tree.orphanedNodes ?? [] } : tree;
      const found = await client.get(app);
      const asTree = (isDetailed: boolean) => (one: JsonObject) => treeText(one, found, systemClock.now(), isDetailed);
      print(globalFlags(self), shown, {
        text: (one) => resourcesText(one, flags.orphaned === true),
        own: { tree: asTree(false), "tree=detailed": asTree(true) },
      });
    });
}

/** Objects of the Application itself; what they made is in the tree. */
function resourcesText(tree: JsonObject, isOrphaned: boolean): string {
  const row = (node: JsonObject, orphaned: string): string[] => [
    textOf(node.group),
    textOf(node.kind),
    textOf(node.namespace),
    textOf(node.name),
    orphaned,
  ];
  const own = objectsOf(tree.nodes).filter(({ parentRefs }) => objectsOf(parentRefs).length === 0);
  const orphans = isOrphaned ? [] : objectsOf(tree.orphanedNodes);
  const rows = [...own.map((node) => row(node, isOrphaned ? "Yes" : "No")), ...orphans.map((node) => row(node, "Yes"))];
  return table(["GROUP", "KIND", "NAMESPACE", "NAME", "ORPHANED"], rows);
}
