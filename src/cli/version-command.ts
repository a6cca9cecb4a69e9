import { Command } from "commander";
import { textOf } from "../api/fields.ts";
import { findEngine, globalFlags } from "./engine-client.ts";
import { print } from "./output.ts";
import { version } from "./version.ts";

interface Versions {
  readonly client: { readonly Version: string };
  readonly server?: { readonly Version: string };
}

/** `tiphys version` */
export function versionCommand(): Command {
  return new Command("version")
    .description("The version of this program, and of the engine that runs")
    .option("--client", "of this program only")
    .option("--short", "as without it: there is no more to show")
    .action(async (flags: { readonly client?: true }, self: Command) => {
      const engine = flags.client ? undefined : findEngine(globalFlags(self), "/api");
      const server = await engine?.get<{ readonly Version: string }>("/version");
      const client = { Version: `v${version()}` };
      const all: Versions = {
        client,
        ...(server === undefined ? {} : { server: { Version: textOf(server.Version) } }),
      };
      print(globalFlags(self), all, { text: versionsText });
    });
}

function versionsText({ client, server }: Versions): string {
  return [`tiphys: ${client.Version}`, ...(server === undefined ? [] : [`tiphys-server: ${server.Version}`])].join(
    "\n",
  );
}
