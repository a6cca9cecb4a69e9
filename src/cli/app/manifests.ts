import { Command, Option } from "commander";
import { textOf } from "../../api/fields.ts";
import type { JsonObject } from "../../base/json.ts";
import { formatYaml } from "../../base/yaml.ts";
import { type GlobalFlags, globalFlags } from "../engine-client.ts";
import { type ApplicationsClient, type AppName, openApplicationsClient, parseAppName } from "./applications-client.ts";
import { addLocalFlags, type LocalFlags, localManifests } from "./local.ts";
import { addRevisionFlags, type RevisionFlags, revisionsOf } from "./revision-flags.ts";

interface ManifestFlags extends RevisionFlags, LocalFlags {
  readonly source: "git" | "live";
  readonly appNamespace?: string;
}

/** `tiphys app manifests APPNAME` */
export function manifestsCommand(): Command {
  const command = new Command("manifests")
    .description("The objects as the source says, or as they are")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .addOption(new Option("--source <source>", "whose state").choices(["git", "live"]).default("git"))
    .option("-N, --app-namespace <namespace>", "the Application's namespace");
  return addLocalFlags(addRevisionFlags(command)).action(async (text: string, flags: ManifestFlags, self: Command) => {
    const client = openApplicationsClient(globalFlags(self));
    const app = parseAppName(text, flags.appNamespace);
    const objects = await (flags.source === "live"
      ? liveObjects(client, app)
      : targets(client, app, flags, globalFlags(self)));
    process.stdout.write(objects.map((object) => `---\n${formatYaml(object)}`).join(""));
  });
}

async function targets(
  client: ApplicationsClient,
  app: AppName,
  flags: ManifestFlags,
  { dataDir }: GlobalFlags,
): Promise<readonly JsonObject[]> {
  const application = await client.get(app);
  const local = await localManifests(application, flags, dataDir);
  return local ?? client.manifests(app, revisionsOf(flags, application));
}

async function liveObjects(client: ApplicationsClient, app: AppName): Promise<readonly JsonObject[]> {
  const all = (await client.managed(app)).filter(({ hook }) => hook !== true);
  return all.map(({ liveState }) => stateIn(textOf(liveState))).filter((state) => state !== undefined);
}

/** An object as text; undefined for `null`, where there is none. */
export function stateIn(text: string): JsonObject | undefined {
  return text === "" ? undefined : ((JSON.parse(text) as JsonObject | null) ?? undefined);
}
