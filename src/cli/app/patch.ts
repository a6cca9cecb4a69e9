import { Command, Option } from "commander";
import { isoTime, systemClock } from "../../base/clock.ts";
import type { JsonObject } from "../../base/json.ts";
import { formatYaml } from "../../base/yaml.ts";
import { globalFlags } from "../engine-client.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";

interface PatchFlags {
  readonly patch: string;
  readonly type: "json" | "merge";
  readonly appNamespace?: string;
}

/** `tiphys app patch APPNAME` */
export function patchCommand(): Command {
  return new Command("patch")
    .description("Changes an Application by a patch, and prints it as YAML")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .requiredOption("--patch <json>", "the patch")
    .addOption(new Option("--type <type>", "what the patch is").choices(["json", "merge"]).default("json"))
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: PatchFlags, self: Command) => {
      const app = parseAppName(text, flags.appNamespace);
      const patched = await openApplicationsClient(globalFlags(self)).patch(app, flags.patch, flags.type);
      process.stdout.write(formatYaml(patched as unknown as JsonObject));
    });
}

/** `tiphys app confirm-deletion APPNAME`: for objects that say so with `Delete=confirm` or `Prune=confirm`. */
export function confirmCommand(): Command {
  return new Command("confirm-deletion")
    .description("Lets objects go that are deleted only when somebody confirms it")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: { readonly appNamespace?: string }, self: Command) => {
      const app = parseAppName(text, flags.appNamespace);
      const annotations = { "argocd.argoproj.io/deletion-approved": isoTime(systemClock.now()) };
      const patch = JSON.stringify({ metadata: { annotations } });
      await openApplicationsClient(globalFlags(self)).patch(app, patch, "merge");
      process.stdout.write(`Application '${app.name}' updated successfully\n`);
    });
}
