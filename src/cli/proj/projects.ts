import { readFileSync } from "node:fs";
import { Command } from "commander";
import { listOf, objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { parseYaml } from "../../base/yaml.ts";
import { editObject } from "../app/edit.ts";
import { addSwitch, collected } from "../app/options.ts";
import { at, openControlClient } from "../control-client.ts";
import { globalFlags } from "../engine-client.ts";
import { requireChange } from "../flag-values.ts";
import { print, table } from "../output.ts";
import { changeProject, readProject, signatureKeyOf, specOf } from "./project.ts";

interface SpecFlags {
  readonly description?: string;
  readonly dest: readonly string[];
  readonly src: readonly string[];
  readonly sourceNamespaces: readonly string[];
  readonly signatureKeys: readonly string[];
  readonly destServiceAccounts: readonly string[];
  readonly orphanedResources?: boolean;
  readonly orphanedResourcesWarn?: boolean;
  readonly allowClusterResource: readonly string[];
  readonly denyClusterResource: readonly string[];
  readonly allowNamespacedResource: readonly string[];
  readonly denyNamespacedResource: readonly string[];
}

function addSpecFlags(command: Command): Command {
  const lists = [
    ["-d, --dest <server,namespace>", "where Applications may go"],
    ["-s, --src <url>", "a repository that Applications may use"],
    ["--source-namespaces <namespace>", "where Applications may be"],
    ["--signature-keys <id>", "a key that commits must be signed with"],
    ["--dest-service-accounts <server,namespace,account>", "as whom Applications are synced"],
    ["--allow-cluster-resource <group/kind>", "a kind of the cluster"],
    ["--deny-cluster-resource <group/kind>", "a kind of the cluster"],
    ["--allow-namespaced-resource <group/kind>", "a kind in namespaces"],
    ["--deny-namespaced-resource <group/kind>", "a kind in namespaces"],
  ] as const;
  command.option("--description <text>", "for people");
  for (const [flag, description] of lists) command.option(flag, `${description}; may be repeated`, collected, []);
  addSwitch(command, "orphaned-resources", "look for objects that belong to no Application");
  return addSwitch(command, "orphaned-resources-warn", "and warn about them");
}

/** The spec with what the flags say; lists that are given replace those that are there. */
function changedSpec(spec: JsonObject, flags: SpecFlags): JsonObject {
  const warn = flags.orphanedResourcesWarn;
  const orphaned = flags.orphanedResources ?? (warn === undefined ? undefined : true);
  const { orphanedResources: before, ...rest } = spec;
  const after = orphaned === undefined ? before : { ...objectOf(before), ...(warn === undefined ? {} : { warn }) };
  return {
    ...rest,
    ...(flags.description === undefined ? {} : { description: flags.description }),
    ...given("sourceRepos", flags.src),
    ...given("destinations", flags.dest.map(destinationOf)),
    ...given("sourceNamespaces", flags.sourceNamespaces),
    ...given("signatureKeys", flags.signatureKeys.map(signatureKeyOf)),
    ...given("destinationServiceAccounts", flags.destServiceAccounts.map(accountOf)),
    ...given("clusterResourceWhitelist", flags.allowClusterResource.map(kindOf)),
    ...given("clusterResourceBlacklist", flags.denyClusterResource.map(kindOf)),
    ...given("namespaceResourceWhitelist", flags.allowNamespacedResource.map(kindOf)),
    ...given("namespaceResourceBlacklist", flags.denyNamespacedResource.map(kindOf)),
    ...(after === undefined || orphaned === false ? {} : { orphanedResources: after }),
  };
}

function given(field: string, list: readonly (string | JsonObject)[]): JsonObject {
  return list.length === 0 ? {} : { [field]: list };
}

function destinationOf(text: string): JsonObject {
  const parts = text.split(",");
  if (parts.length !== 2) throw new EngineError("USAGE", `--dest: "${text}" must be SERVER,NAMESPACE`);
  return { server: parts[0] ?? "", namespace: parts[1] ?? "" };
}

function accountOf(text: string): JsonObject {
  const [server = "", namespace = "", account = "", ...more] = text.split(",");
  if (account !== "" && more.length === 0) return { server, namespace, defaultServiceAccount: account };
  throw new EngineError("USAGE", `--dest-service-accounts: "${text}" must be SERVER,NAMESPACE,ACCOUNT`);
}

function kindOf(text: string): JsonObject {
  const slash = text.lastIndexOf("/");
  return { group: slash < 0 ? "" : text.slice(0, slash), kind: text.slice(slash + 1) };
}

interface CreateFlags extends SpecFlags {
  readonly file?: string;
  readonly upsert?: true;
}

/** `tiphys proj create [PROJECT]` */
export function createCommand(): Command {
  const command = new Command("create")
    .description("Makes a project, of flags or of a file")
    .argument("[project]", "its name")
    .option("-f, --file <file>", "a file; - for standard input")
    .option("--upsert", "change it when it is there with another spec");
  return addSpecFlags(command).action(async (name: string | undefined, flags: CreateFlags, self: Command) => {
    const base = flags.file === undefined ? {} : readObject(flags.file);
    const metadata = objectOf(base.metadata);
    const wanted = name ?? textOf(metadata.name);
    if (wanted === "") throw new EngineError("USAGE", "give a PROJECT, or a file that names it");
    const project = { ...base, metadata: { ...metadata, name: wanted }, spec: changedSpec(objectOf(base.spec), flags) };
    await openControlClient(globalFlags(self)).post("/projects", { project, upsert: flags.upsert === true });
  });
}

function readObject(file: string): JsonObject {
  try {
    const [object, ...more] = parseYaml(readFileSync(file === "-" ? 0 : file, "utf8"));
    if (isJsonObject(object) && more.length === 0) return object;
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `--file: "${file}": ${messageOf(error)}`, error);
  }
  throw new EngineError("MANIFEST_UNREADABLE", `--file: "${file}" must hold one AppProject`);
}

/** `tiphys proj set PROJECT` */
export function setCommand(): Command {
  const command = new Command("set").description("Changes what the flags name").argument("<project>", "its name");
  return addSpecFlags(command).action(async (name: string, flags: SpecFlags, self: Command) => {
    requireChange(self);
    await changeProject(name, self, (spec) => changedSpec(spec, flags));
  });
}

/** `tiphys proj edit PROJECT` */
export function editCommand(): Command {
  return new Command("edit")
    .description("Opens the spec in $EDITOR; nothing is sent when it is unchanged")
    .argument("<project>", "its name")
    .action(async (name: string, _flags: object, self: Command) => {
      await editObject(specOf(await readProject(name, self)), (spec) => changeProject(name, self, () => spec));
    });
}

/** `tiphys proj delete PROJECT…` */
export function deleteCommand(): Command {
  return new Command("delete")
    .description("Deletes projects that no Application uses")
    .argument("<project...>", "their names")
    .option("-y, --yes", "do not ask (nothing is asked)")
    .action(async (names: readonly string[], _flags: object, self: Command) => {
      const client = openControlClient(globalFlags(self));
      for (const name of names) await client.delete(at("/projects", name));
    });
}

/** `tiphys proj list` */
export function listCommand(): Command {
  return new Command("list").description("Projects, by name").action(async (_flags: object, self: Command) => {
    const projects = await openControlClient(globalFlags(self)).list("/projects");
    const name = (all: readonly JsonObject[]): string => all.map(nameOf).join("\n");
    print(globalFlags(self), projects, { text: listText, name });
  });
}

/** `tiphys proj get PROJECT` */
export function getCommand(): Command {
  return new Command("get")
    .description("One project")
    .argument("<project>", "its name")
    .action(async (name: string, _flags: object, self: Command) => {
      print(globalFlags(self), await readProject(name, self), { text: detailsText, name: nameOf });
    });
}

function nameOf({ metadata }: JsonObject): string {
  return textOf(objectOf(metadata).name);
}

const columns: readonly (readonly [header: string, cell: (spec: JsonObject) => string])[] = [
  ["DESCRIPTION", ({ description }) => textOf(description)],
  ["DESTINATIONS", ({ destinations }) => counted(objectsOf(destinations).map(destinationText), "destinations")],
  ["SOURCES", ({ sourceRepos }) => counted(listOf(sourceRepos).map(textOf), "repos")],
  ["CLUSTER-RESOURCE-WHITELIST", (spec) => counted(kindsIn(spec.clusterResourceWhitelist), "resources")],
  ["NAMESPACE-RESOURCE-BLACKLIST", (spec) => counted(kindsIn(spec.namespaceResourceBlacklist), "resources")],
  [
    "SIGNATURE-KEYS",
    ({ signatureKeys }) =>
      counted(
        objectsOf(signatureKeys).map(({ keyID }) => textOf(keyID)),
        "key(s)",
      ),
  ],
  ["ORPHANED-RESOURCES", orphanedText],
  [
    "DESTINATION-SERVICE-ACCOUNTS",
    (spec) => counted(objectsOf(spec.destinationServiceAccounts).map(accountText), "accounts"),
  ],
];

function listText(projects: readonly JsonObject[]): string {
  const rows = projects.map((project) => [nameOf(project), ...columns.map(([, cell]) => cell(specOf(project)))]);
  return table(["NAME", ...columns.map(([header]) => header)], rows);
}

/** One value itself, several by their number. */
function counted(texts: readonly string[], noun: string): string {
  const [one] = texts;
  if (one === undefined) return "<none>";
  return texts.length === 1 ? one : `${texts.length} ${noun}`;
}

function destinationText({ server, name, namespace }: JsonObject): string {
  return `${textOf(server) || textOf(name)},${textOf(namespace)}`;
}

function accountText({ server, namespace, defaultServiceAccount }: JsonObject): string {
  return [server, namespace, defaultServiceAccount].map(textOf).join(",");
}

function kindsIn(list: JsonObject[string] | undefined): readonly string[] {
  return objectsOf(list).map(({ group, kind }) => `${textOf(group)}/${textOf(kind)}`);
}

function orphanedText({ orphanedResources }: JsonObject): string {
  if (!isJsonObject(orphanedResources)) return "disabled";
  const ignored = objectsOf(orphanedResources.ignore).length;
  return `enabled (warn=${orphanedResources.warn === true}${ignored === 0 ? "" : `, ignored ${ignored}`})`;
}

function detailsText(project: JsonObject): string {
  const spec = specOf(project);
  const several = (label: string, texts: readonly string[]): string[] => {
    const [first = "<none>", ...more] = texts;
    return [line(label, first), ...more.map((text) => line("", text))];
  };
  return [
    line("Name:", nameOf(project)),
    line("Description:", textOf(spec.description)),
    ...several("Destinations:", objectsOf(spec.destinations).map(destinationText)),
    ...several("Repositories:", listOf(spec.sourceRepos).map(textOf)),
    ...several("Source Namespaces:", listOf(spec.sourceNamespaces).map(textOf)),
    ...several("Scoped Repositories:", []),
    ...several("Allowed Cluster Resources:", kindsIn(spec.clusterResourceWhitelist)),
    ...several("Denied Namespaced Resources:", kindsIn(spec.namespaceResourceBlacklist)),
    ...several(
      "Signature keys:",
      objectsOf(spec.signatureKeys).map(({ keyID }) => textOf(keyID)),
    ),
    line("Orphaned Resources:", orphanedText(spec)),
  ].join("\n");
}

function line(label: string, text: string): string {
  return `${label.padEnd(29)}${text}`.trimEnd();
}
