import { Command } from "commander";
import { listOf, objectsOf, textOf } from "../../api/fields.ts";
import { hashPassword } from "../../base/bcrypt.ts";
import { parseDuration } from "../../base/duration.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { at, openControlClient } from "../control-client.ts";
import { globalFlags } from "../engine-client.ts";
import { print, table } from "../output.ts";
import { askFor } from "./ask-secret.ts";
import { chosenContext, readContexts, withContext, writeContexts } from "./contexts.ts";

/** `tiphys account …`: names, flags and columns of Argo CD's (spec argo-cd-surface 5.7). */
export function accountCommand(): Command {
  const command = new Command("account").description("Accounts of the API, and what they may do").helpCommand(false);
  const all = [listCommand(), getCommand(), userInfoCommand(), canCommand(), passwordCommand(), ...tokenCommands()];
  for (const sub of [...all, sessionTokenCommand(), bcryptCommand()]) command.addCommand(sub);
  return command;
}

function capabilitiesOf({ capabilities }: JsonObject): string {
  return listOf(capabilities).map(textOf).join(", ");
}

function listCommand(): Command {
  return new Command("list").description("The accounts").action(async (_flags: object, self: Command) => {
    print(globalFlags(self), await openControlClient(globalFlags(self)).list("/account"), {
      text: (all) =>
        table(
          ["NAME", "ENABLED", "CAPABILITIES"],
          all.map((one) => [textOf(one.name), String(one.enabled === true), capabilitiesOf(one)]),
        ),
      name: (all) => all.map(({ name }) => textOf(name)).join("\n"),
    });
  });
}

interface AccountFlag {
  readonly account?: string;
}

/** That of the flag, or one's own. */
async function accountOf({ account }: AccountFlag, self: Command): Promise<string> {
  if (account !== undefined) return account;
  return textOf((await openControlClient(globalFlags(self)).get("/session/userinfo")).username);
}

function getCommand(): Command {
  return new Command("get")
    .description("One account, with its tokens")
    .option("-a, --account <name>", "default: one's own")
    .action(async (flags: AccountFlag, self: Command) => {
      const name = await accountOf(flags, self);
      const found = await openControlClient(globalFlags(self)).get(at("/account", name));
      print(globalFlags(self), found, { text: accountText, name: () => name });
    });
}

function accountText(account: JsonObject): string {
  const tokens = objectsOf(account.tokens);
  const rows = tokens.map(({ id, issuedAt, expiresAt }) => [textOf(id), timeOf(issuedAt), timeOf(expiresAt)]);
  return [
    `Name:               ${textOf(account.name)}`,
    `Enabled:            ${account.enabled === true}`,
    `Capabilities:       ${capabilitiesOf(account)}`,
    "",
    "Tokens:",
    tokens.length === 0 ? "NONE" : table(["ID", "ISSUED AT", "EXPIRING AT"], rows),
  ].join("\n");
}

/** Of seconds since 1970. */
export function timeOf(seconds: JsonValue | undefined): string {
  const value = Number(seconds ?? 0);
  return value > 0 ? new Date(value * 1_000).toISOString().replace(".000Z", "Z") : "never";
}

function userInfoCommand(): Command {
  return new Command("get-user-info")
    .alias("whoami")
    .description("Who the server takes one for")
    .action(async (_flags: object, self: Command) => {
      const found = await openControlClient(globalFlags(self)).get("/session/userinfo");
      print(globalFlags(self), found, {
        text: ({ loggedIn, username, iss, groups }) =>
          loggedIn === true
            ? [
                "Logged In: true",
                `Username: ${textOf(username)}`,
                `Issuer: ${textOf(iss)}`,
                `Groups: ${listOf(groups).map(textOf).join(",")}`.trimEnd(),
              ].join("\n")
            : "Logged In: false",
      });
    });
}

function canCommand(): Command {
  return new Command("can-i")
    .description("Whether one may do something: yes or no")
    .argument("<action>", "get, create, update, delete, sync, …")
    .argument("<resource>", "applications, projects, clusters, …")
    .argument("<subresource>", "PROJECT/NAME, or *")
    .action(async (action: string, resource: string, subresource: string, _flags: object, self: Command) => {
      const path = ["/account/can-i", ...[resource, action, subresource].map(encodeURIComponent)].join("/");
      const { value } = await openControlClient(globalFlags(self)).get(path);
      process.stdout.write(`${textOf(value)}\n`);
    });
}

interface PasswordFlags extends AccountFlag {
  readonly currentPassword?: string;
  readonly newPassword?: string;
}

function passwordCommand(): Command {
  return new Command("update-password")
    .description("Another password for an account")
    .option("--account <name>", "default: one's own")
    .option("--current-password <password>", "one's own; not needed with the token of the data directory")
    .option("--new-password <password>", "default: asked for")
    .action(async (flags: PasswordFlags, self: Command) => {
      const given = globalFlags(self);
      const client = openControlClient(given);
      const own = textOf((await client.get("/session/userinfo")).username);
      const name = flags.account ?? own;
      const context = client.isOfContext ? chosenContext(given) : undefined;
      const asksOwn = flags.currentPassword === undefined && context !== undefined;
      const currentPassword = asksOwn
        ? await askFor(`Password of ${own}`, "--current-password", true)
        : flags.currentPassword;
      const newPassword = flags.newPassword ?? (await newPasswordFor(name));
      await client.put("/account/password", { name, currentPassword: currentPassword ?? "", newPassword });
      process.stdout.write("Password updated\n");
      if (context?.token === undefined || name !== own) return;
      // Sessions from before the change do not count any more.
      const { token } = await client.post("/session", { username: name, password: newPassword });
      writeContexts(given.config, withContext(readContexts(given.config), { ...context, token: textOf(token) }));
      process.stdout.write(`Context '${context.name}' updated\n`);
    });
}

async function newPasswordFor(name: string): Promise<string> {
  const first = await askFor(`New password of ${name}`, "--new-password", true);
  if (first === (await askFor("Once more", "--new-password", true))) return first;
  throw new EngineError("USAGE", "the passwords are not the same: nothing was done");
}

interface TokenFlags extends AccountFlag {
  readonly expiresIn: string;
  readonly id?: string;
}

function tokenCommands(): readonly Command[] {
  const generate = new Command("generate-token")
    .description("A token for programs; printed once")
    .option("-a, --account <name>", "default: one's own")
    .option("-e, --expires-in <duration>", "24h, 7d; 0s: never", "0s")
    .option("--id <id>", "its name; default: made up")
    .action(async (flags: TokenFlags, self: Command) => {
      const expiresIn = secondsIn(flags.expiresIn);
      const name = await accountOf(flags, self);
      const path = `${at("/account", name)}/token`;
      const { token } = await openControlClient(globalFlags(self)).post(path, { name, id: flags.id ?? "", expiresIn });
      process.stdout.write(`${textOf(token)}\n`);
    });
  const remove = new Command("delete-token")
    .description("Takes a token back")
    .argument("<id>", "of `account get`")
    .option("-a, --account <name>", "default: one's own")
    .action(async (id: string, flags: AccountFlag, self: Command) => {
      const path = `${at("/account", await accountOf(flags, self))}/token`;
      await openControlClient(globalFlags(self)).delete(at(path, id));
    });
  return [generate, remove];
}

/** Days are allowed, too: `7d`, `1d12h`. @throws EngineError USAGE */
export function secondsIn(text: string): number {
  const [, days = "0", rest = ""] = /^(?:(\d+)d)?(.*)$/.exec(text) ?? [];
  try {
    const ms = Number(days) * 86_400_000 + (rest === "" ? 0 : parseDuration(rest));
    if (ms >= 0 && text !== "") return Math.round(ms / 1_000);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
  throw new EngineError("USAGE", `--expires-in: "${text}" must be a duration such as 24h or 7d; 0s for never`);
}

function sessionTokenCommand(): Command {
  return new Command("session-token")
    .description("Prints the token of the current context")
    .action((_flags: object, self: Command) => {
      const token = chosenContext(globalFlags(self))?.token;
      if (token === undefined) throw new EngineError("NOT_FOUND", "no context is logged in: `tiphys login`");
      process.stdout.write(`${token}\n`);
    });
}

function bcryptCommand(): Command {
  return new Command("bcrypt")
    .description("The hash of a password, for argocd-secret")
    .option("--password <password>", "default: asked for")
    .action(async ({ password }: { readonly password?: string }) => {
      process.stdout.write(`${await hashPassword(password ?? (await askFor("Password", "--password", true)))}\n`);
    });
}
