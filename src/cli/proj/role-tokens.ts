import { Command } from "commander";
import { objectsOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { secondsIn, timeOf } from "../access/accounts.ts";
import { subjectClaims } from "../access/claims.ts";
import { at, openControlClient } from "../control-client.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { print, table } from "../output.ts";
import { readProject, specOf } from "./project.ts";

/** `tiphys proj role create-token|list-tokens|delete-token` (spec argo-cd-surface 5.6). */
export function roleTokenCommands(): readonly Command[] {
  return [createCommand(), listCommand(), deleteCommand()];
}

interface CreateFlags {
  readonly expiresIn: string;
  readonly id?: string;
  readonly tokenOnly?: true;
}

function createCommand(): Command {
  return new Command("create-token")
    .description("A token that may do what the role may; printed once")
    .argument("<project>")
    .argument("<role>")
    .option("-e, --expires-in <duration>", "24h, 7d; 0s: never", "0s")
    .option("-i, --id <id>", "its name; default: made up")
    .option("-t, --token-only", "print the token alone")
    .action(async (project: string, role: string, flags: CreateFlags, self: Command) => {
      const body = { project, role, id: flags.id ?? "", expiresIn: secondsIn(flags.expiresIn) };
      const token = textOf((await openControlClient(globalFlags(self)).post(pathOf(project, role), body)).token);
      process.stdout.write(flags.tokenOnly ? `${token}\n` : createdText(`proj:${project}:${role}`, token));
    });
}

function createdText(subject: string, token: string): string {
  const { jti, iat, exp } = subjectClaims(token);
  return [
    `Create token succeeded for ${subject}.`,
    `  ID: ${textOf(jti)}`,
    `  Issued At: ${timeOf(iat)}`,
    `  Expires At: ${timeOf(exp)}`,
    `  Token: ${token}\n`,
  ].join("\n");
}

function listCommand(): Command {
  return new Command("list-tokens")
    .description("Tokens of a role")
    .argument("<project>")
    .argument("<role>")
    .option("-u, --unixtime", "times as seconds since 1970")
    .action(async (project: string, role: string, flags: { readonly unixtime?: true }, self: Command) => {
      const roles = objectsOf(specOf(await readProject(project, self)).roles);
      const found = roles.find(({ name }) => name === role);
      if (found === undefined) {
        throw exitingWith(20, new EngineError("NOT_FOUND", `role '${role}' does not exist in project '${project}'`));
      }
      print(globalFlags(self), objectsOf(found.jwtTokens), { text: (all) => tokensText(all, flags.unixtime === true) });
    });
}

export function tokensText(tokens: readonly JsonObject[], isUnix: boolean): string {
  const time = (value: JsonObject[string] | undefined): string => (isUnix ? String(Number(value ?? 0)) : timeOf(value));
  const rows = tokens.map(({ id, iat, exp }) => [textOf(id), time(iat), time(exp)]);
  return table(["ID", "ISSUED AT", "EXPIRES AT"], rows);
}

function deleteCommand(): Command {
  return new Command("delete-token")
    .description("Takes a token of a role back")
    .argument("<project>")
    .argument("<role>")
    .argument("<issued-at>", "seconds since 1970: `list-tokens -u`")
    .option("-y, --yes", "do not ask (nothing is asked)")
    .action(async (project: string, role: string, issuedAt: string, _flags: object, self: Command) => {
      await openControlClient(globalFlags(self)).delete(at(pathOf(project, role), issuedAt));
    });
}

function pathOf(project: string, role: string): string {
  return `${at(at("/projects", project), "roles")}/${encodeURIComponent(role)}/token`;
}
