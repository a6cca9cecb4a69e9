import { Command, Option } from "commander";
import { objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { at, openControlClient } from "../control-client.ts";
import { globalFlags } from "../engine-client.ts";
import { print, table } from "../output.ts";
import { addCredentialFlags, credentialFields } from "./credential-flags.ts";

interface AddFlags {
  readonly type: string;
  readonly name?: string;
  readonly upsert?: true;
  readonly [flag: string]: string | boolean | undefined;
}

/** `tiphys repo add URL` */
export function addCommand(): Command {
  const command = new Command("add")
    .description("Tells of a repository, after a look whether it can be read")
    .argument("<url>", "its address")
    .option("--name <name>", "for people; charts need one")
    .option("--project <project>", "the only project that may use it")
    .option("--insecure-ignore-host-key", "trust any host (ssh)")
    .option("--insecure-skip-server-verification", "trust any certificate")
    .option("--enable-lfs", "with Git LFS")
    .option("--depth <n>", "how many commits are fetched; 0: all")
    .option("--webhook-manifest-cache-warm-disabled", "render nothing ahead when a push is told");
  return addCredentialFlags(command).action(async (url: string, flags: AddFlags, self: Command) => {
    if (flags.type === "helm" && !flags.name)
      throw new EngineError("USAGE", "--name: must be given for a Helm repository");
    const repository = { ...(await credentialFields(flags)), repo: url };
    await openControlClient(globalFlags(self)).post(`/repositories?upsert=${flags.upsert === true}`, repository);
    process.stdout.write(`Repository '${url}' added\n`);
  });
}

const refreshOption = (): Option => new Option("--refresh <how>", "ask its server anew").choices(["hard"]);

/** `tiphys repo list` */
export function listCommand(): Command {
  return new Command("list")
    .description("Repositories, and whether they can be read")
    .addOption(refreshOption())
    .action(async (flags: { readonly refresh?: "hard" }, self: Command) => {
      const client = openControlClient(globalFlags(self));
      const all = await client.list(`/repositories${flags.refresh === undefined ? "" : "?forceRefresh=true"}`);
      print(globalFlags(self), all, { text: repositoriesText, own: { url: urlsText } });
    });
}

/** `tiphys repo get URL` */
export function getCommand(): Command {
  return new Command("get")
    .description("One repository")
    .argument("<url>", "its address")
    .option("--project <project>", "the project that it is of")
    .addOption(refreshOption())
    .action(async (url: string, flags: { readonly project?: string; readonly refresh?: "hard" }, self: Command) => {
      const query = { appProject: flags.project, forceRefresh: flags.refresh && "true" };
      const found = await openControlClient(globalFlags(self)).get(at("/repositories", url, query));
      print(globalFlags(self), found, {
        text: (one) => repositoriesText([one]),
        own: { url: (one) => urlsText([one]) },
      });
    });
}

/** `tiphys repo rm URL…` */
export function removeCommand(): Command {
  return new Command("rm")
    .description("Forgets repositories")
    .argument("<url...>", "their addresses")
    .option("--project <project>", "the project that they are of")
    .action(async (urls: readonly string[], flags: { readonly project?: string }, self: Command) => {
      const client = openControlClient(globalFlags(self));
      for (const url of urls) {
        await client.delete(at("/repositories", url, { appProject: flags.project }));
        process.stdout.write(`Repository '${url}' removed\n`);
      }
    });
}

const headers = ["TYPE", "NAME", "REPO", "INSECURE", "OCI", "LFS", "CREDS", "STATUS", "MESSAGE", "PROJECT"];

function repositoriesText(repositories: readonly JsonObject[]): string {
  const rows = repositories.map((one) => {
    const { status, message } = objectOf(one.connectionState);
    const creds = one.inheritedCreds === true ? "inherited" : String(one.hasCredentials === true);
    return [
      ...[textOf(one.type), textOf(one.name), textOf(one.repo)],
      ...[one.insecure, one.enableOCI, one.enableLfs].map((flag) => String(flag === true)),
      ...[creds, textOf(status), textOf(message).replaceAll("\n", " "), textOf(one.project)],
    ];
  });
  return table(headers, rows);
}

function urlsText(repositories: readonly JsonObject[]): string {
  return repositories.map(({ repo }) => textOf(repo)).join("\n");
}
