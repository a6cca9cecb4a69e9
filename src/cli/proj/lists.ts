import { isDeepStrictEqual } from "node:util";
import { Command } from "commander";
import { listOf, objectOf, objectsOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import { exitingWith } from "../exit.ts";
import { changeProject, signatureKeyOf } from "./project.ts";

/** A list of the spec whose entries are added and removed by commands of their own. */
interface EditedList {
  readonly noun: string;
  readonly args: readonly string[];
  readonly options?: readonly string[];
  /** Name of the field, or a way to it. */
  readonly field: string;
  readonly entry: (args: readonly string[], flags: Readonly<Record<string, string>>) => JsonValue;
}

const lists: readonly EditedList[] = [
  {
    noun: "destination",
    args: ["<server>", "<namespace>"],
    options: ["--name"], // which says that it is a name; what is no URL is one anyway
    field: "destinations",
    entry: ([server = "", namespace = ""], { name }) => ({
      ...(name === undefined && (server.includes("://") || server === "*") ? { server } : { name: server }),
      namespace,
    }),
  },
  { noun: "source", args: ["<url>"], field: "sourceRepos", entry: ([url = ""]) => url },
  {
    noun: "source-namespace",
    args: ["<namespace>"],
    field: "sourceNamespaces",
    entry: ([namespace = ""]) => namespace,
  },
  { noun: "signature-key", args: ["<key-id>"], field: "signatureKeys", entry: ([keyID = ""]) => signatureKeyOf(keyID) },
  {
    noun: "destination-service-account",
    args: ["<server>", "<namespace>", "<account>"],
    options: ["--service-account-namespace <namespace>"],
    field: "destinationServiceAccounts",
    entry: ([server = "", namespace = "", account = ""], { serviceAccountNamespace: other }) => ({
      server,
      namespace,
      defaultServiceAccount: other === undefined ? account : `${other}:${account}`,
    }),
  },
];

/** `add-…` and `remove-…` of each list, the lists of kinds, and ignored orphans. */
export function listEditCommands(): readonly Command[] {
  return [...lists.flatMap((list) => [addCommand(list), removeCommand(list)]), ...kindCommands(), ...orphanCommands()];
}

function listCommand(
  verb: string,
  list: EditedList,
  change: (entries: readonly JsonValue[], entry: JsonValue) => readonly JsonValue[],
) {
  const command = new Command(`${verb}-${list.noun}`).description(
    `${verb === "add" ? "One more" : "One less"} ${list.noun}`,
  );
  command.argument("<project>", "the project");
  for (const argument of list.args) command.argument(argument);
  for (const option of list.options ?? []) command.option(option);
  return command.action(async (...given: unknown[]) => {
    const self = given.at(-1) as Command;
    const [project = "", ...args] = self.args;
    const entry = list.entry(args, self.opts());
    await changeProject(project, self, (spec) => ({ ...spec, [list.field]: change(listOf(spec[list.field]), entry) }));
  });
}

function addCommand(list: EditedList): Command {
  return listCommand("add", list, (entries, entry) => {
    if (entries.some((one) => isDeepStrictEqual(one, entry)))
      throw refused(`Specified ${list.noun} is already defined in project`);
    return [...entries, entry];
  });
}

function removeCommand(list: EditedList): Command {
  return listCommand("remove", list, (entries, entry) => without(entries, entry, list.noun));
}

function without(entries: readonly JsonValue[], entry: JsonValue, noun: string): readonly JsonValue[] {
  const left = entries.filter((one) => !saysAll(one, entry));
  if (left.length === entries.length) throw refused(`Specified ${noun} does not exist in project`);
  return left;
}

/** Of an object that is to go, what is not named may be anything. */
function saysAll(one: JsonValue, entry: JsonValue): boolean {
  if (!isJsonObject(one) || !isJsonObject(entry)) return isDeepStrictEqual(one, entry);
  return Object.entries(entry).every(([name, value]) => isDeepStrictEqual(one[name], value));
}

/** Allowing adds to the list of what is allowed, or takes from the list of what is denied (spec argo-cd-surface 5.6). */
function kindCommands(): readonly Command[] {
  return (["cluster", "namespace"] as const).flatMap((scope) =>
    (["allow", "deny"] as const).map((verb) => {
      const fallback = scope === "cluster" ? "allow" : "deny";
      return new Command(`${verb}-${scope}-resource`)
        .description(`${verb === "allow" ? "Permits" : "Forbids"} a kind of the ${scope}`)
        .argument("<project>", "the project")
        .argument("<group>", "the API group")
        .argument("<kind>", "the kind")
        .argument("[name]", "of kinds of the cluster")
        .option("-l, --list <list>", "which list is edited: allow or deny", fallback)
        .action(
          async (project: string, group: string, kind: string, name: string | undefined, { list }, self: Command) => {
            if (list !== "allow" && list !== "deny")
              throw new EngineError("USAGE", `--list: "${list}" must be allow or deny`);
            const field = `${scope}Resource${list === "allow" ? "Whitelist" : "Blacklist"}`;
            const entry = { group, kind, ...(name === undefined ? {} : { name }) };
            await changeProject(project, self, (spec) => withKind(spec, field, entry, verb === list));
          },
        );
    }),
  );
}

/** What is so already stays. */
function withKind(spec: JsonObject, field: string, entry: JsonObject, isAdded: boolean): JsonObject {
  const others = objectsOf(spec[field]).filter((one) => !isDeepStrictEqual(one, entry));
  return { ...spec, [field]: isAdded ? [...others, entry] : others };
}

function orphanCommands(): readonly Command[] {
  return (["add", "remove"] as const).map((verb) =>
    new Command(`${verb}-orphaned-ignore`)
      .description("Objects that are no orphans")
      .argument("<project>", "the project")
      .argument("<group>", "the API group")
      .argument("<kind>", "the kind")
      .option("--name <name>", "the name; default: any")
      .action(
        async (project: string, group: string, kind: string, { name }: { readonly name?: string }, self: Command) => {
          const entry = { group, kind, ...(name === undefined ? {} : { name }) };
          await changeProject(project, self, (spec) => {
            const orphaned = objectOf(spec.orphanedResources);
            const entries = listOf(orphaned.ignore);
            if (verb === "add" && entries.some((one) => isDeepStrictEqual(one, entry))) {
              throw refused("Specified resource is already defined in the orphaned ignore settings of project");
            }
            const ignore = verb === "add" ? [...entries, entry] : without(entries, entry, "resource");
            return { ...spec, orphanedResources: { ...orphaned, ignore } };
          });
        },
      ),
  );
}

function refused(message: string): Error {
  return exitingWith(1, new EngineError("MANIFEST_INVALID", message));
}
