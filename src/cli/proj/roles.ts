import { Command } from "commander";
import { listOf, objectsOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { print, table } from "../output.ts";
import { changeProject, readProject, specOf } from "./project.ts";
import { roleTokenCommands, tokensText } from "./role-tokens.ts";

/** `tiphys proj role …` */
export function roleCommand(): Command {
  const command = new Command("role").description("Roles of a project").helpCommand(false);
  const all: Command[] = [
    listCommand(),
    getCommand(),
    createCommand(),
    deleteCommand(),
    ...policyCommands(),
    ...groupCommands(),
  ];
  all.push(...roleTokenCommands());
  for (const sub of all) command.addCommand(sub);
  return command;
}

function rolesOf(spec: JsonObject): readonly JsonObject[] {
  return objectsOf(spec.roles);
}

function listCommand(): Command {
  return new Command("list").argument("<project>").action(async (project: string, _flags: object, self: Command) => {
    const roles = rolesOf(specOf(await readProject(project, self)));
    print(globalFlags(self), roles, {
      text: (all) =>
        table(
          ["ROLE-NAME", "DESCRIPTION"],
          all.map(({ name, description }) => [textOf(name), textOf(description)]),
        ),
      name: (all) => all.map(({ name }) => textOf(name)).join("\n"),
    });
  });
}

function getCommand(): Command {
  return new Command("get")
    .argument("<project>")
    .argument("<role>")
    .action(async (project: string, role: string, _flags: object, self: Command) => {
      const found = rolesOf(specOf(await readProject(project, self))).find(({ name }) => name === role);
      if (found === undefined) throw missing(role);
      print(globalFlags(self), found, { text: roleText });
    });
}

function roleText({ name, description, policies, groups, jwtTokens }: JsonObject): string {
  return [
    `Role Name:     ${textOf(name)}`,
    `Description:   ${textOf(description)}`.trimEnd(),
    "Policies:",
    ...listOf(policies).map(textOf),
    ...(listOf(groups).length === 0 ? [] : [`Groups:        ${listOf(groups).map(textOf).join(", ")}`]),
    ...(listOf(jwtTokens).length === 0 ? [] : ["JWT Tokens:", tokensText(objectsOf(jwtTokens), false)]),
  ].join("\n");
}

function createCommand(): Command {
  return new Command("create")
    .argument("<project>")
    .argument("<role>")
    .option("--description <text>", "for people")
    .action(
      async (project: string, role: string, { description }: { readonly description?: string }, self: Command) => {
        await changeProject(project, self, (spec) => {
          if (rolesOf(spec).some(({ name }) => name === role)) throw refused(`role '${role}' already exists`);
          const made = { name: role, ...(description === undefined ? {} : { description }) };
          return { ...spec, roles: [...rolesOf(spec), made] };
        });
        process.stdout.write(`Role '${role}' created\n`);
      },
    );
}

function deleteCommand(): Command {
  return new Command("delete")
    .argument("<project>")
    .argument("<role>")
    .action(async (project: string, role: string, _flags: object, self: Command) => {
      await changeRole(project, role, self, () => undefined);
      process.stdout.write(`Role '${role}' deleted\n`);
    });
}

interface PolicyFlags {
  readonly action: string;
  readonly object: string;
  readonly permission: string;
  readonly resource: string;
}

function policyCommands(): readonly Command[] {
  return (["add", "remove"] as const).map((verb) =>
    new Command(`${verb}-policy`)
      .argument("<project>")
      .argument("<role>")
      .requiredOption("-a, --action <action>", "get, create, update, delete, sync, override or *")
      .requiredOption("-o, --object <object>", "the Application's name, or *")
      .option("-p, --permission <permission>", "allow or deny", "allow")
      .option("-r, --resource <resource>", "the kind of object", "applications")
      .action(async (project: string, role: string, flags: PolicyFlags, self: Command) => {
        const { action, object, permission, resource } = flags;
        const policy = `p, proj:${project}:${role}, ${resource}, ${action}, ${project}/${object}, ${permission}`;
        await changeRole(project, role, self, (found) => ({
          ...found,
          policies: edited(listOf(found.policies), policy, verb),
        }));
      }),
  );
}

function groupCommands(): readonly Command[] {
  return (["add", "remove"] as const).map((verb) =>
    new Command(`${verb}-group`)
      .argument("<project>")
      .argument("<role>")
      .argument("<group>")
      .action(async (project: string, role: string, group: string, _flags: object, self: Command) => {
        await changeRole(project, role, self, (found) => ({
          ...found,
          groups: edited(listOf(found.groups), group, verb),
        }));
        const words = verb === "add" ? ["added", "to"] : ["removed", "from"];
        process.stdout.write(`Group '${group}' ${words[0]} ${words[1]} role '${role}'\n`);
      }),
  );
}

/** `change` gives the role as it should be; undefined: it goes. */
async function changeRole(
  project: string,
  role: string,
  self: Command,
  change: (role: JsonObject) => JsonObject | undefined,
) {
  await changeProject(project, self, (spec) => {
    const roles = rolesOf(spec);
    if (!roles.some(({ name }) => name === role)) throw missing(role);
    return { ...spec, roles: roles.flatMap((one) => (one.name === role ? (change(one) ?? []) : one)) };
  });
}

function edited(list: readonly unknown[], text: string, verb: "add" | "remove"): readonly string[] {
  const others = list.filter((one): one is string => typeof one === "string" && one !== text);
  if (verb === "remove" && others.length === list.length) throw refused(`"${text}" is not there`);
  return verb === "add" ? [...others, text] : others;
}

function missing(role: string): Error {
  return refused(`role '${role}' does not exist`);
}

function refused(message: string): Error {
  return exitingWith(20, new EngineError("MANIFEST_INVALID", message));
}
