import { Command } from "commander";
import { listOf, objectOf, objectsOf, textOf } from "../api/fields.ts";
import type { JsonObject } from "../base/json.ts";
import { readText } from "./cert.ts";
import { at, openControlClient } from "./control-client.ts";
import { globalFlags } from "./engine-client.ts";
import { print, table } from "./output.ts";

/** `tiphys gpg …`: names, flags and columns of Argo CD's (spec argo-cd-surface 5.5). */
export function gpgCommand(): Command {
  const command = new Command("gpg").description("Public keys that commits may be signed with").helpCommand(false);
  for (const sub of [addCommand(), listCommand(), getCommand(), removeCommand()]) command.addCommand(sub);
  return command;
}

function addCommand(): Command {
  return new Command("add")
    .description("Adds the keys of a file")
    .requiredOption("--from <file>", "public keys, armoured")
    .action(async ({ from }: { readonly from: string }, self: Command) => {
      const answer = await openControlClient(globalFlags(self)).post("/gpgkeys", { keyData: readText(from) });
      const skipped = listOf(answer.skipped).length;
      const more = skipped === 0 ? "" : `, and ${skipped} key(s) were skipped because they exist already`;
      const created = objectsOf(objectOf(answer.created).items).length;
      process.stdout.write(`Created ${created} key(s) from input file${more}.\n`);
    });
}

function listCommand(): Command {
  return new Command("list").description("The keys").action(async (_flags: object, self: Command) => {
    print(globalFlags(self), await openControlClient(globalFlags(self)).list("/gpgkeys"), { text: keysText });
  });
}

function keysText(keys: readonly JsonObject[]): string {
  const rows = keys.map(({ keyID, subType, owner }) => [textOf(keyID), textOf(subType).toUpperCase(), textOf(owner)]);
  return table(["KEYID", "TYPE", "IDENTITY"], rows);
}

function getCommand(): Command {
  return new Command("get")
    .description("One key")
    .argument("<keyid>", "16 hexadecimal digits, or a fingerprint")
    .action(async (keyID: string, _flags: object, self: Command) => {
      const found = await openControlClient(globalFlags(self)).get(at("/gpgkeys", keyID));
      print(globalFlags(self), found, {
        text: ({ keyID: id, fingerprint, subType, owner, keyData }) =>
          [
            `Key ID:          ${textOf(id)}`,
            `Key fingerprint: ${textOf(fingerprint)}`,
            `Key subtype:     ${textOf(subType).toUpperCase()}`,
            `Key owner:       ${textOf(owner)}`,
            "Key data follows until EOF:",
            textOf(keyData),
          ].join("\n"),
      });
    });
}

function removeCommand(): Command {
  return new Command("rm")
    .description("Trusts a key no more")
    .argument("<keyid>", "16 hexadecimal digits, or a fingerprint")
    .option("-y, --yes", "do not ask (nothing is asked)")
    .action(async (keyID: string, _flags: object, self: Command) => {
      await openControlClient(globalFlags(self)).delete(`/gpgkeys?keyID=${encodeURIComponent(keyID)}`);
      process.stdout.write(`Deleted key with key ID ${keyID}\n`);
    });
}
