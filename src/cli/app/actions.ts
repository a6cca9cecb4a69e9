import { Command, Option } from "commander";
import { objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { globalFlags } from "../engine-client.ts";
import { print, table } from "../output.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { collected } from "./options.ts";
import { addObjectFlags, chosenObjects, type ObjectFlags } from "./resource.ts";

/** `tiphys app actions list|run` */
export function actionsCommand(): Command {
  const command = new Command("actions")
    .description("What can be done with objects of an Application")
    .helpCommand(false);
  return command.addCommand(listCommand()).addCommand(runCommand());
}

interface ListFlags extends ObjectFlags {
  readonly out?: "wide" | "json" | "yaml";
}

function listCommand(): Command {
  const command = new Command("list")
    .description("The actions of objects")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .addOption(new Option("--out <format>", "as --output").choices(["wide", "json", "yaml"]));
  return addObjectFlags(command).action(async (text: string, flags: ListFlags, self: Command) => {
    const client = openApplicationsClient(globalFlags(self));
    const app = parseAppName(text, flags.appNamespace, flags.project);
    const rows: JsonObject[] = [];
    for (const query of await chosenObjects(client, app, { ...flags, all: true })) {
      const { group, kind, resourceName: name } = query;
      for (const { name: action, disabled } of await client.actions(app, query)) {
        rows.push({ group, kind, name, action: textOf(action), disabled: disabled === true });
      }
    }
    const { out } = flags;
    print({ ...globalFlags(self), ...(out === undefined ? {} : { output: out }) }, rows, { text: actionsText });
  });
}

function actionsText(rows: readonly JsonObject[]): string {
  const cells = rows.map(({ group, kind, name, action, disabled }) => [
    ...[group, kind, name, action].map(textOf),
    String(disabled),
  ]);
  return table(["GROUP", "KIND", "NAME", "ACTION", "DISABLED"], cells);
}

interface RunFlags extends ObjectFlags {
  readonly param: readonly string[];
}

function runCommand(): Command {
  const command = new Command("run")
    .description("Runs an action of an object")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .argument("<action>", "of `app actions list`")
    .option("--all", "on all objects that match")
    .option("--param <key=value>", "a parameter of the action; may be repeated", collected, []);
  return addObjectFlags(command).action(async (text: string, action: string, flags: RunFlags, self: Command) => {
    const client = openApplicationsClient(globalFlags(self));
    const app = parseAppName(text, flags.appNamespace, flags.project);
    const resourceActionParameters = flags.param.map(parameterOf);
    for (const query of await chosenObjects(client, app, flags)) {
      await client.runAction(app, { ...objectOf(query), action, resourceActionParameters });
    }
  });
}

function parameterOf(text: string): JsonObject {
  const at = text.indexOf("=");
  if (at <= 0) throw new EngineError("USAGE", `--param: "${text}" must be KEY=VALUE`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}
