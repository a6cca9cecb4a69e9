import { Command } from "commander";
import { formatYaml } from "../../base/yaml.ts";
import { globalFlags } from "../engine-client.ts";
import { print } from "../output.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";

/** `tiphys app sensor APPNAME`: ours, beside Argo CD's commands. */
export function sensorCommand(): Command {
  return new Command("sensor")
    .description("The Application as the Sensor that it is, as YAML")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, { appNamespace }: { readonly appNamespace?: string }, self: Command) => {
      const app = parseAppName(text, appNamespace);
      const sensor = await openApplicationsClient(globalFlags(self)).sensor(app);
      print(globalFlags(self), sensor, { text: formatYaml });
    });
}
