import { Command } from "commander";
import { textOf } from "../../api/fields.ts";
import type { JsonObject } from "../../base/json.ts";
import { at, openControlClient } from "../control-client.ts";
import { globalFlags } from "../engine-client.ts";
import { print, table } from "../output.ts";
import { addCredentialFlags, credentialFields } from "./credential-flags.ts";

interface AddFlags {
  readonly upsert?: true;
  readonly [flag: string]: string | boolean | undefined;
}

/** `tiphys repocreds add PREFIX` */
export function addCommand(): Command {
  const command = new Command("add")
    .description("Credentials for all repositories whose address begins so")
    .argument("<prefix>", "the beginning of addresses");
  return addCredentialFlags(command).action(async (url: string, flags: AddFlags, self: Command) => {
    const credentials = { ...(await credentialFields(flags)), url };
    await openControlClient(globalFlags(self)).post(`/repocreds?upsert=${flags.upsert === true}`, credentials);
    process.stdout.write(`Repository credentials for '${url}' added\n`);
  });
}

/** `tiphys repocreds list` */
export function listCommand(): Command {
  return new Command("list").description("Credentials by prefix").action(async (_flags: object, self: Command) => {
    const all = await openControlClient(globalFlags(self)).list("/repocreds");
    const urls = (list: readonly JsonObject[]): string => list.map(({ url }) => textOf(url)).join("\n");
    print(globalFlags(self), all, { text: credentialsText, own: { url: urls } });
  });
}

function credentialsText(all: readonly JsonObject[]): string {
  const rows = all.map(({ url, username, hasSshKey, hasTlsKey }) => [
    ...[textOf(url), textOf(username) || "-"],
    ...[hasSshKey, hasTlsKey].map((flag) => String(flag === true)),
  ]);
  return table(["URL PATTERN", "USERNAME", "SSH_CREDS", "TLS_CREDS"], rows);
}

/** `tiphys repocreds rm PREFIX…` */
export function removeCommand(): Command {
  return new Command("rm")
    .description("Forgets credentials")
    .argument("<prefix...>", "the beginnings of addresses")
    .action(async (urls: readonly string[], _flags: object, self: Command) => {
      const client = openControlClient(globalFlags(self));
      for (const url of urls) {
        await client.delete(at("/repocreds", url));
        process.stdout.write(`Repository credentials for '${url}' removed\n`);
      }
    });
}
