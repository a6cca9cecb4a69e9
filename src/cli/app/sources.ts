import { Command } from "commander";
import { listOf, objectOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith } from "../exit.ts";
import { hasSeveralSources, specOf } from "./application.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { parseCount } from "./options.ts";
import { positionOf } from "./set.ts";
import { addSourceFlags, type SourceFlags } from "./source-flags.ts";
import { changedSource } from "./spec-changes.ts";

/** `tiphys app add-source APPNAME` */
export function addSourceCommand(): Command {
  const command = new Command("add-source")
    .description("One more source for an Application that has several")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("-N, --app-namespace <namespace>", "the Application's namespace");
  return addSourceFlags(command).action(async (text: string, flags: SourceFlags, self: Command) => {
    const { name, namespace, spec, client } = await several(text, flags.appNamespace as string | undefined, self);
    const sources = [...listOf(spec.sources), changedSource({}, flags)];
    await client.updateSpec({ name, namespace }, { ...spec, sources }, flags.validate !== false);
    process.stdout.write(`Application '${name}' updated successfully\n`);
  });
}

interface RemoveFlags {
  readonly sourcePosition?: number;
  readonly sourceName?: string;
  readonly appNamespace?: string;
}

/** `tiphys app remove-source APPNAME` */
export function removeSourceCommand(): Command {
  return new Command("remove-source")
    .description("Takes one of several sources away")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--source-position <n>", "from 1", parseCount)
    .option("--source-name <name>", "its name")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: RemoveFlags, self: Command) => {
      const { name, namespace, spec, client } = await several(text, flags.appNamespace, self);
      const sources = listOf(spec.sources).map(objectOf);
      if (sources.length === 1) throw refused("Cannot remove the only source remaining in the app");
      const index = positionOf(sources, flags);
      await client.updateSpec({ name, namespace }, { ...spec, sources: sources.filter((_, at) => at !== index) }, true);
      process.stdout.write(`Application '${name}' updated successfully\n`);
    });
}

async function several(text: string, appNamespace: string | undefined, self: Command) {
  const client = openApplicationsClient(globalFlags(self));
  const found = await client.get(parseAppName(text, appNamespace));
  if (!hasSeveralSources(found)) throw refused("Application does not have multiple sources configured");
  const { name = "", namespace = "" } = found.metadata;
  return { name, namespace, spec: specOf(found), client };
}

function refused(message: string): Error {
  return exitingWith(20, new EngineError("MANIFEST_INVALID", message));
}
