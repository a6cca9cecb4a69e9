import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { EngineError } from "../../base/errors.ts";
import { globalFlags } from "../engine-client.ts";
import { qualifiedName } from "./application.ts";
import { type ApplicationsClient, type AppName, openApplicationsClient } from "./applications-client.ts";
import { chosenApplications } from "./chosen.ts";
import { addSwitch } from "./options.ts";

interface DeleteFlags {
  readonly cascade?: boolean;
  readonly propagationPolicy: string;
  readonly selector?: string;
  readonly wait?: true;
  readonly appNamespace?: string;
}

const pollMs = 200;

/** `tiphys app delete APPNAME…` */
export function deleteCommand(): Command {
  const command = new Command("delete")
    .description("Deletes Applications, with their objects unless --cascade=false")
    .argument("[appname...]", "NAME or NAMESPACE/NAME")
    .addOption(
      new Option("-p, --propagation-policy <policy>", "how the objects go")
        .choices(["foreground", "background"])
        .default("foreground"),
    )
    .option("-l, --selector <selector>", "all Applications whose labels match")
    .option("-y, --yes", "do not ask (nothing is asked)")
    .option("--wait", "until they are gone")
    .option("-N, --app-namespace <namespace>", "the Application's namespace");
  addSwitch(command, "cascade", "the objects go, too (default)");
  return command.action(async (texts: readonly string[], flags: DeleteFlags, self: Command) => {
    const client = openApplicationsClient(globalFlags(self));
    const apps = await chosenApplications(client, texts, flags);
    if (apps.length === 0) throw new EngineError("NOT_FOUND", `no Applications match selector "${flags.selector}"`);
    for (const app of apps) {
      const found = await client.get(app);
      const { name = "", namespace = "" } = found.metadata;
      await client.delete({ name, namespace }, flags.cascade !== false, flags.propagationPolicy);
      if (flags.wait) await untilGone(client, { name, namespace }, found.metadata.uid);
      process.stdout.write(`application '${texts.length > 0 ? name : qualifiedName(found)}' deleted\n`);
    }
  });
}

async function untilGone(client: ApplicationsClient, app: AppName, uid: string | undefined): Promise<void> {
  for (;;) {
    try {
      if ((await client.get(app)).metadata.uid !== uid) return;
    } catch (error) {
      if (error instanceof EngineError && error.code === "NOT_FOUND") return;
      throw error;
    }
    await sleep(pollMs);
  }
}
