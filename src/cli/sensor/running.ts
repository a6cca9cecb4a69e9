import { Command } from "commander";
import type { ListedResource } from "../../server/listed-routes.ts";
import { globalFlags, requireEngine } from "../engine-client.ts";
import { print } from "../output.ts";
import { getText, listText, nameIn, nameOf, type Shown, statusOf, statusText } from "./running-text.ts";
import { parseSensorName } from "./sensor-name.ts";

/** `tiphys sensor list` */
export function listCommand(): Command {
  return new Command("list")
    .description("The Sensors of an engine, and whether they work")
    .option("-n, --namespace <namespace>", "of one namespace")
    .action(async ({ namespace }: { readonly namespace?: string }, self: Command) => {
      const query = namespace === undefined ? "" : `?${new URLSearchParams({ namespace })}`;
      const { sensors } = await requireEngine(globalFlags(self)).get<{ sensors: readonly ListedResource[] }>(
        `/sensors${query}`,
      );
      const sorted = sensors.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
      print(globalFlags(self), sorted, { text: listText, name: (all) => all.map(nameOf).join("\n") });
    });
}

/** `tiphys sensor get NAME` */
export function getCommand(): Command {
  return nameArgument(new Command("get").description("One Sensor: what it depends on, and its triggers")).action(
    async (text: string, { namespace }: NameFlags, self: Command) => {
      const { sensor } = await read(self, text, namespace);
      print(globalFlags(self), sensor, { text: getText, name: ({ metadata }) => nameIn(metadata) });
    },
  );
}

/** `tiphys sensor status NAME`; exit code 1 for one that does not work. */
export function statusCommand(): Command {
  const command = new Command("status").description(
    "Whether a Sensor works, how its triggers fared, and how far it is behind.\n" +
      "Exit code: 0 it works, 1 it does not, or its last attempt of a trigger failed.",
  );
  return nameArgument(command).action(async (text: string, { namespace }: NameFlags, self: Command) => {
    const shown = await read(self, text, namespace);
    const status = statusOf(shown);
    print(globalFlags(self), status, { text: statusText, name: ({ namespace: of, name }) => `${of}/${name}` });
    if (!status.works) process.exitCode = 1;
  });
}

interface NameFlags {
  readonly namespace?: string;
}

function nameArgument(command: Command): Command {
  return command
    .argument("<name>", "NAME or NAMESPACE/NAME")
    .option("-n, --namespace <namespace>", "the Sensor's namespace (default: default)");
}

function read(self: Command, text: string, given: string | undefined): Promise<Shown> {
  const { namespace, name } = parseSensorName(text, given);
  const path = `/sensors/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  return requireEngine(globalFlags(self)).get<Shown>(path);
}
