import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { textOf } from "../api/fields.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { openControlClient } from "./control-client.ts";
import { globalFlags } from "./engine-client.ts";
import { exitingWith } from "./exit.ts";
import { print, table } from "./output.ts";

/** `tiphys cert …`: names, flags and columns of Argo CD's (spec argo-cd-surface 5.5). */
export function certCommand(): Command {
  const command = new Command("cert").description("Whom hosts of repositories are trusted to be").helpCommand(false);
  for (const sub of [addSshCommand(), addTlsCommand(), listCommand(), removeCommand()]) command.addCommand(sub);
  return command;
}

interface AddFlags {
  readonly from?: string;
  readonly upsert?: true;
}

function addSshCommand(): Command {
  return new Command("add-ssh")
    .description("Hosts of ssh, as a known_hosts file has them")
    .option("--batch", "lines from standard input, or from --from (always so)")
    .option("--from <file>", "default: standard input")
    .option("--upsert", "replace keys that are there")
    .action(async (flags: AddFlags, self: Command) => {
      const items = readText(flags.from)
        .split(/\r?\n/)
        .flatMap((line) => {
          const [hosts = "", certSubType = "", key = ""] = line.trim().split(/\s+/);
          if (key === "" || /^[#@]/.test(hosts)) return [];
          const certData = Buffer.from(key).toString("base64");
          return hosts.split(",").map((serverName) => ({ serverName, certType: "ssh", certSubType, certData }));
        });
      if (items.length === 0) throw new EngineError("USAGE", "there are no lines HOST TYPE KEY to read");
      await add(items, flags, self);
      process.stdout.write(`Successfully created ${items.length} SSH known host entries\n`);
    });
}

function addTlsCommand(): Command {
  return new Command("add-tls")
    .description("Certificates of a server, in PEM")
    .argument("<host>", "the server's name")
    .option("--from <file>", "default: standard input")
    .option("--upsert", "replace what is there")
    .action(async (serverName: string, flags: AddFlags, self: Command) => {
      const text = readText(flags.from);
      const count = text.match(/-----BEGIN CERTIFICATE-----/g)?.length ?? 0;
      if (count === 0) throw new EngineError("USAGE", "No valid certificates have been detected in the stream.");
      await add([{ serverName, certType: "https", certData: Buffer.from(text).toString("base64") }], flags, self);
      process.stdout.write(`Created entry with ${count} PEM certificates for repository server ${serverName}\n`);
    });
}

async function add(items: readonly JsonObject[], { upsert }: AddFlags, self: Command): Promise<void> {
  await openControlClient(globalFlags(self)).post(`/certificates?upsert=${upsert === true}`, { items });
}

export function readText(path: string | undefined): string {
  try {
    return readFileSync(path ?? 0, "utf8");
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `"${path ?? "-"}" cannot be read: ${messageOf(error)}`, error);
  }
}

function typeOption(): Option {
  return new Option("--cert-type <type>", "ssh or https").choices(["ssh", "https"]);
}

interface ListFlags {
  readonly certType?: string;
  readonly hostnamePattern?: string;
  readonly sort?: "hostname" | "type";
}

function listCommand(): Command {
  return new Command("list")
    .description("Keys and certificates that are trusted")
    .addOption(typeOption())
    .option("--hostname-pattern <glob>", "of these hosts only")
    .addOption(new Option("--sort <by>", "the order").choices(["hostname", "type"]))
    .action(async (flags: ListFlags, self: Command) => {
      const query = queryOf({ certType: flags.certType, hostNamePattern: flags.hostnamePattern });
      const all = await openControlClient(globalFlags(self)).list(`/certificates${query}`);
      const by = flags.sort === "type" ? "certType" : "serverName";
      const order = (a: JsonObject, b: JsonObject): number => textOf(a[by]).localeCompare(textOf(b[by]), "en");
      const sorted = flags.sort === undefined ? all : all.toSorted(order);
      print(globalFlags(self), sorted, { text: certificatesText });
    });
}

function certificatesText(certificates: readonly JsonObject[]): string {
  const rows = certificates.map(({ serverName, certType, certSubType, certInfo }) =>
    [serverName, certType, certSubType, certInfo].map(textOf),
  );
  return table(["HOSTNAME", "TYPE", "SUBTYPE", "INFO"], rows);
}

function removeCommand(): Command {
  return new Command("rm")
    .description("Trusts a host no more")
    .argument("<host>", "its name, or a glob")
    .addOption(typeOption())
    .option("--cert-sub-type <type>", "this kind of key only")
    .option("-y, --yes", "do not ask (nothing is asked)")
    .action(
      async (host: string, flags: { readonly certType?: string; readonly certSubType?: string }, self: Command) => {
        const client = openControlClient(globalFlags(self));
        const query = queryOf({ hostNamePattern: host, certType: flags.certType, certSubType: flags.certSubType });
        const found = await client.list(`/certificates${query}`);
        if (found.length === 0) {
          throw exitingWith(20, new EngineError("NOT_FOUND", `there are no keys or certificates of "${host}"`));
        }
        await client.delete(`/certificates${query}`);
        for (const { serverName, certType, certSubType } of found) {
          process.stdout.write(
            `Removed cert for '${textOf(serverName)}' of type '${textOf(certType)}/${textOf(certSubType)}'\n`,
          );
        }
      },
    );
}

function queryOf(fields: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
