import { Command } from "commander";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { collected } from "../app/options.ts";
import { at, openControlClient } from "../control-client.ts";
import { type GlobalFlags, globalFlags } from "../engine-client.ts";
import { requireChange } from "../flag-values.ts";
import { print, table } from "../output.ts";

/** `tiphys cluster list` */
export function listCommand(): Command {
  return new Command("list").description("Clusters").action(async (_flags: object, self: Command) => {
    const all = await openControlClient(globalFlags(self)).list("/clusters");
    print(globalFlags(self), all, { text: clustersText, own: { server: serversText } });
  });
}

/** `tiphys cluster get SERVER/NAME` */
export function getCommand(): Command {
  return new Command("get")
    .description("One cluster, as YAML unless -o says otherwise")
    .argument("<cluster>", "its server or its name")
    .action(async (id: string, _flags: object, self: Command) => {
      const flags = globalFlags(self);
      const found = await openControlClient(flags).get(pathOf(id));
      const asYaml: GlobalFlags = flags.output === "text" ? { ...flags, output: "yaml" } : flags;
      print(asYaml, found, { text: detailsText, own: { server: (one) => serversText([one]) } });
    });
}

interface SetFlags {
  readonly name?: string;
  readonly namespace: readonly string[];
  readonly label: readonly string[];
  readonly annotation: readonly string[];
}

/** `tiphys cluster set NAME` */
export function setCommand(): Command {
  return new Command("set")
    .description("Changes what the flags name")
    .argument("<name>", "its name")
    .option("--name <name>", "another name")
    .option("--namespace <namespace>", "the only namespaces that are looked at; may be repeated", collected, [])
    .option("--label <key=value>", "a label; may be repeated", collected, [])
    .option("--annotation <key=value>", "an annotation; may be repeated", collected, [])
    .action(async (name: string, flags: SetFlags, self: Command) => {
      requireChange(self);
      const client = openControlClient(globalFlags(self));
      const path = at("/clusters", name, { "id.type": "name" });
      const found = await client.get(path);
      const { info: _, config: __, ...cluster } = found;
      await client.put(path, {
        ...cluster,
        ...(flags.name === undefined ? {} : { name: flags.name }),
        ...(flags.namespace.length === 0 ? {} : { namespaces: flags.namespace }),
        ...(flags.label.length === 0 ? {} : { labels: { ...objectOf(found.labels), ...pairsOf(flags.label) } }),
        ...(flags.annotation.length === 0
          ? {}
          : { annotations: { ...objectOf(found.annotations), ...pairsOf(flags.annotation) } }),
      });
      process.stdout.write(`Cluster '${name}' updated.\n`);
    });
}

/** `tiphys cluster rotate-auth SERVER/NAME` */
export function rotateCommand(): Command {
  return new Command("rotate-auth")
    .description("Another token for the service account that the engine uses there")
    .argument("<cluster>", "its server or name")
    .action(async (id: string, _flags: object, self: Command) => {
      const [path = "", query = ""] = pathOf(id).split("?");
      await openControlClient(globalFlags(self)).post(`${path}/rotate-auth?${query}`, {});
      process.stdout.write(`Cluster '${id}' rotated auth\n`);
    });
}

/** Of a cluster by its server or its name. */
export function pathOf(id: string): string {
  return at("/clusters", id, { "id.type": id.includes("://") ? "server" : "name" });
}

function clustersText(clusters: readonly JsonObject[]): string {
  const rows = clusters.map((cluster) => {
    const info = objectOf(cluster.info);
    const { status, message } = objectOf(info.connectionState);
    const count = listOf(cluster.namespaces).length;
    const server = `${textOf(cluster.server)}${count === 0 ? "" : ` (${count} namespaces)`}`;
    return [
      ...[server, textOf(cluster.name), textOf(info.serverVersion), textOf(status)],
      ...[textOf(message).replaceAll("\n", " "), textOf(cluster.project)],
    ];
  });
  return table(["SERVER", "NAME", "VERSION", "STATUS", "MESSAGE", "PROJECT"], rows);
}

function serversText(clusters: readonly JsonObject[]): string {
  return clusters.map(({ server }) => textOf(server)).join("\n");
}

function detailsText(cluster: JsonObject): string {
  const { connectionState, serverVersion } = objectOf(cluster.info);
  const namespaces = listOf(cluster.namespaces).map(textOf);
  return [
    "Cluster information",
    "",
    `  Server URL:            ${textOf(cluster.server)}`,
    `  Server Name:           ${textOf(cluster.name)}`,
    `  Server Version:        ${textOf(serverVersion)}`.trimEnd(),
    `  Namespaces:            ${namespaces.length === 0 ? "*" : namespaces.join(", ")}`,
    "",
    `  Connection:            ${textOf(objectOf(connectionState).status)}`,
  ].join("\n");
}

export function pairsOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const index = text.indexOf("=");
      if (index <= 0) throw new EngineError("USAGE", `"${text}" must be KEY=VALUE`);
      return [text.slice(0, index), text.slice(index + 1)];
    }),
  );
}
