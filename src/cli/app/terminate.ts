import { Command } from "commander";
import { globalFlags } from "../engine-client.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";

/** `tiphys app terminate-op APPNAME` */
export function terminateCommand(): Command {
  return new Command("terminate-op")
    .alias("terminate")
    .description("Ends the operation in progress; what was applied stays")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: { readonly appNamespace?: string }, self: Command) => {
      const app = parseAppName(text, flags.appNamespace);
      await openApplicationsClient(globalFlags(self)).terminate(app);
      process.stdout.write(`Application '${app.name}' operation terminating\n`);
    });
}
