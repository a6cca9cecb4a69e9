import { Command } from "commander";
import { objectsOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { isJsonObject } from "../../base/json.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { print, table } from "../output.ts";
import { type ApplicationsClient, type AppName, openApplicationsClient, parseAppName } from "./applications-client.ts";

/** Which objects of an Application. */
export interface ObjectFlags {
  readonly kind?: string;
  readonly group?: string;
  readonly namespace?: string;
  readonly resourceName?: string;
  readonly all?: true;
  readonly appNamespace?: string;
  readonly project?: string;
}

/** An object as the API's queries name it. */
export type ObjectQuery = Readonly<Record<"group" | "version" | "kind" | "namespace" | "resourceName", string>>;

export function addObjectFlags(command: Command): Command {
  return command
    .option("--kind <kind>", "the objects' kind")
    .option("--group <group>", "the objects' API group")
    .option("--namespace <namespace>", "the objects' namespace")
    .option("--resource-name <name>", "the object's name")
    .option("--project <project>", "the project that the Application must be of")
    .option("-N, --app-namespace <namespace>", "the Application's namespace");
}

/**
 * The objects of the tree that the flags name; several only with `--all`.
 * @throws EngineError NOT_FOUND, USAGE, with 20
 */
export async function chosenObjects(
  client: ApplicationsClient,
  app: AppName,
  flags: ObjectFlags,
): Promise<readonly ObjectQuery[]> {
  const nodes = objectsOf((await client.tree(app)).nodes).filter(({ uid }) => textOf(uid) !== "");
  const found = nodes.map(queryOf).filter((one) => fits(one, flags));
  if (found.length === 0) throw exitingWith(20, new EngineError("NOT_FOUND", "No matching resource found"));
  if (found.length === 1 || flags.all) return found;
  const names = found.slice(0, 5).map(({ kind, namespace, resourceName }) => `${kind} ${namespace}/${resourceName}`);
  const message = `Multiple resources match (${names.join(", ")}${found.length > 5 ? ", …" : ""}). Use the --all flag.`;
  throw exitingWith(20, new EngineError("USAGE", message));
}

function queryOf(node: JsonObject): ObjectQuery {
  const { group, version, kind, namespace, name } = node;
  return {
    group: textOf(group),
    version: textOf(version),
    kind: textOf(kind),
    namespace: textOf(namespace),
    resourceName: textOf(name),
  };
}

function fits(object: ObjectQuery, { group, kind, namespace, resourceName }: ObjectFlags): boolean {
  return (
    (group === undefined || object.group === group) &&
    (kind === undefined || object.kind === kind) &&
    (namespace === undefined || object.namespace === namespace) &&
    (resourceName === undefined || object.resourceName === resourceName)
  );
}

interface GetFlags extends ObjectFlags {
  readonly filterFields: readonly string[];
  readonly showManagedFields?: true;
}

/** `tiphys app get-resource APPNAME` */
export function getResourceCommand(): Command {
  const command = new Command("get-resource")
    .description("Objects of an Application as they are")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--filter-fields <fields>", "these alone: metadata.name,spec.replicas", splitFields, [])
    .option("--show-managed-fields", "who wrote which field, too");
  return addObjectFlags(command).action(async (text: string, flags: GetFlags, self: Command) => {
    if (flags.kind === undefined) throw new EngineError("USAGE", "give --kind");
    const client = openApplicationsClient(globalFlags(self));
    const app = parseAppName(text, flags.appNamespace, flags.project);
    const queries = await chosenObjects(client, app, { ...flags, all: true });
    const objects = await Promise.all(queries.map((query) => client.resource(app, query)));
    const shown = objects.map((object) => filtered(object, flags));
    const [one] = shown;
    print<unknown>(globalFlags(self), shown.length === 1 ? one : shown, { text: () => fieldsText(shown) });
  });
}

function splitFields(text: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, ...text.split(",").map((one) => one.trim())];
}

function filtered(object: JsonObject, { filterFields, showManagedFields }: GetFlags): JsonObject {
  const { managedFields: _, ...metadata } = isJsonObject(object.metadata) ? object.metadata : {};
  const shown = showManagedFields ? object : { ...object, metadata };
  if (filterFields.length === 0) return shown;
  return Object.fromEntries(
    filterFields.flatMap((path) => {
      const value = at(shown, path.split("."));
      return value === undefined ? [] : [[path, value] as const];
    }),
  );
}

function at(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  return isJsonObject(value) && Object.hasOwn(value, name) ? at(value[name], rest) : undefined;
}

function fieldsText(objects: readonly JsonObject[]): string {
  const rows = objects.flatMap((object) =>
    Object.entries(object).map(([field, value]) => [field, typeof value === "string" ? value : JSON.stringify(value)]),
  );
  return table(["FIELD", "VALUE"], rows);
}

interface PatchFlags extends ObjectFlags {
  readonly patch: string;
  readonly patchType: string;
}

/** `tiphys app patch-resource APPNAME` */
export function patchResourceCommand(): Command {
  const command = new Command("patch-resource")
    .description("Patches objects of an Application in the cluster")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .requiredOption("--patch <json>", "the patch")
    .option("--patch-type <type>", "its content type", "application/merge-patch+json")
    .option("--all", "all objects that match");
  return addObjectFlags(command).action(async (text: string, flags: PatchFlags, self: Command) => {
    const client = openApplicationsClient(globalFlags(self));
    const app = parseAppName(text, flags.appNamespace, flags.project);
    for (const query of await chosenObjects(client, app, flags)) {
      await client.patchResource(app, { ...query, patchType: flags.patchType }, flags.patch);
      process.stdout.write(`Resource '${query.resourceName}' patched\n`);
    }
  });
}

interface DeleteFlags extends ObjectFlags {
  readonly force?: true;
  readonly orphan?: true;
}

/** `tiphys app delete-resource APPNAME` */
export function deleteResourceCommand(): Command {
  const command = new Command("delete-resource")
    .description("Deletes objects of an Application in the cluster")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--force", "without waiting for what they own")
    .option("--orphan", "and leave what they own")
    .option("--all", "all objects that match");
  return addObjectFlags(command).action(async (text: string, flags: DeleteFlags, self: Command) => {
    const client = openApplicationsClient(globalFlags(self));
    const app = parseAppName(text, flags.appNamespace, flags.project);
    const options = { force: String(flags.force === true), orphan: String(flags.orphan === true) };
    for (const query of await chosenObjects(client, app, flags)) {
      await client.deleteResource(app, { ...query, ...options });
      process.stdout.write(`Resource '${query.resourceName}' deleted\n`);
    }
  });
}
