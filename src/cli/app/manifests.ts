import { Command, Option } from "commander";
import { textOf } from "../../api/fields.ts";
import type { JsonObject } from "../../base/json.ts";
import { formatYaml } from "../../base/yaml.ts";
import { globalFlags } from "../engine-client.ts";
import { type ApplicationsClient, type AppName, openApplicationsClient, parseAppName } from "./applications-client.ts";
import { collected } from "./options.ts";

interface ManifestFlags {
  readonly source: "git" | "live";
  readonly revision?: string;
  readonly revisions: readonly string[];
  readonly sourcePositions: readonly string[];
  readonly appNamespace?: string;
}

/** `tiphys app manifests APPNAME` */
export function manifestsCommand(): Command {
  return new Command("manifests")
    .description("The objects as the source says, or as they are")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .addOption(new Option("--source <source>", "whose state").choices(["git", "live"]).default("git"))
    .option("--revision <revision>", "instead of the source's target")
    .option("--revisions <revision>", "of several sources; may be repeated", collected, [])
    .option("--source-positions <n>", "which source, from 1, for each revision; may be repeated", collected, [])
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: ManifestFlags, self: Command) => {
      const client = openApplicationsClient(globalFlags(self));
      const app = parseAppName(text, flags.appNamespace);
      const objects = await (flags.source === "live" ? liveObjects(client, app) : targets(client, app, flags));
      process.stdout.write(objects.map((object) => `---\n${formatYaml(object)}`).join(""));
    });
}

function targets(client: ApplicationsClient, app: AppName, flags: ManifestFlags): Promise<readonly JsonObject[]> {
  const { revision, revisions, sourcePositions } = flags;
  return client.manifests(app, { revision, revisions, sourcePositions });
}

async function liveObjects(client: ApplicationsClient, app: AppName): Promise<readonly JsonObject[]> {
  const all = (await client.managed(app)).filter(({ hook }) => hook !== true);
  return all.map(({ liveState }) => stateIn(textOf(liveState))).filter((state) => state !== undefined);
}

/** An object as text; undefined for `null`, where there is none. */
export function stateIn(text: string): JsonObject | undefined {
  return text === "" ? undefined : ((JSON.parse(text) as JsonObject | null) ?? undefined);
}
