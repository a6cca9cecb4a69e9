import { Command, Option } from "commander";
import { textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { asked } from "../app/applications-client.ts";
import { createEngineClient, globalFlags, serverUrl } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { table } from "../output.ts";
import { askFor } from "./ask-secret.ts";
import { accountIn } from "./claims.ts";
import { chosenContext, findContext, readContexts, switched, withContext, writeContexts } from "./contexts.ts";

interface LoginFlags {
  readonly username?: string;
  readonly password?: string;
  readonly name?: string;
  readonly sso?: true;
}

/** `tiphys login SERVER` */
export function loginCommand(): Command {
  return new Command("login")
    .description("Logs in with an account of the server, for the commands that follow")
    .argument("<server>", "its URL; without http:// or https://: http on this machine, https elsewhere")
    .option("--username <name>", "the account")
    .option("--password <password>", "its password; default: asked for")
    .option("--name <name>", "of the context; default: the server's host and port")
    .option("--sso", "not supported: local accounts log in")
    .addOption(new Option("--sso-port <port>", "of --sso").hideHelp())
    .addOption(new Option("--sso-launch-browser", "of --sso").hideHelp())
    .addOption(new Option("--callback <address>", "of --sso").hideHelp())
    .option("--skip-test-tls", "nothing is tested before")
    .action(async (server: string, flags: LoginFlags, self: Command) => {
      if (flags.sso) throw new EngineError("USAGE", "--sso is not supported: log in with a local account");
      const url = serverUrl(server, globalFlags(self).plaintext === true);
      const username = flags.username ?? (await askFor("Username", "--username", false));
      const password = flags.password ?? (await askFor("Password", "--password", true));
      const token = await sessionToken(url, username, password);
      const context = { name: flags.name ?? new URL(url).host, server: url, token };
      const { config } = globalFlags(self);
      writeContexts(config, withContext(readContexts(config), context));
      process.stdout.write(`'${username}:login' logged in successfully\nContext '${context.name}' updated\n`);
    });
}

async function sessionToken(url: string, username: string, password: string): Promise<string> {
  const client = createEngineClient(url, undefined, "/api/v1");
  return textOf((await asked(client.post<JsonObject>("/session", { username, password }))).token);
}

/** `tiphys logout CONTEXT` */
export function logoutCommand(): Command {
  return new Command("logout")
    .description("Gives the token of a context back, and forgets it")
    .argument("<context>", "its name")
    .action(async (name: string, _flags: object, self: Command) => {
      const { config } = globalFlags(self);
      const contexts = readContexts(config);
      const { server, token } = findContext(contexts, name);
      if (token === undefined)
        throw exitingWith(20, new EngineError("NOT_FOUND", `Context '${name}' is not logged in`));
      const list = contexts.list.map((one) => (one.name === name ? { name, server } : one));
      try {
        await createEngineClient(server, token, "/api/v1").delete("/session");
      } catch (error) {
        // One that does not count any more is as good as given back.
        if (!(error instanceof EngineError) || error.code !== "UNAUTHORIZED") throw error;
      }
      writeContexts(config, { ...contexts, list });
      process.stdout.write(`Logged out from '${name}'\n`);
    });
}

/** `tiphys relogin` */
export function reloginCommand(): Command {
  return new Command("relogin")
    .description("Logs in again as the account of the current context")
    .option("--password <password>", "default: asked for")
    .action(async ({ password }: { readonly password?: string }, self: Command) => {
      const flags = globalFlags(self);
      const context = chosenContext(flags);
      if (context === undefined) throw new EngineError("NOT_FOUND", "No context found. Login using `tiphys login`");
      const username = accountIn(context.token ?? "");
      const given = password ?? (await askFor(`Password of ${username}`, "--password", true));
      const token = await sessionToken(context.server, username, given);
      writeContexts(flags.config, withContext(readContexts(flags.config), { ...context, token }));
      process.stdout.write(`Context '${context.name}' updated\n`);
    });
}

/** `tiphys context [NAME|-]` */
export function contextCommand(): Command {
  return new Command("context")
    .description("Lists servers that were logged in to, or chooses one")
    .argument("[name]", "the one to use from now on; - for the one before")
    .option("--delete", "forget it")
    .action((name: string | undefined, flags: { readonly delete?: true }, self: Command) => {
      const { config } = globalFlags(self);
      const contexts = readContexts(config);
      if (name === undefined) {
        const rows = contexts.list.map((one) => [one.name === contexts.current ? "*" : "", one.name, one.server]);
        process.stdout.write(`${table(["CURRENT", "NAME", "SERVER"], rows)}\n`);
        return;
      }
      const { name: chosen } = findContext(contexts, name === "-" ? contexts.previous : name);
      if (flags.delete) {
        const list = contexts.list.filter((one) => one.name !== chosen);
        const current = contexts.current === chosen ? "" : contexts.current;
        writeContexts(config, { ...contexts, current, list });
        process.stdout.write(`Context '${chosen}' deleted\n`);
        return;
      }
      writeContexts(config, switched(contexts, chosen));
      process.stdout.write(`Switched to context '${chosen}'\n`);
    });
}
