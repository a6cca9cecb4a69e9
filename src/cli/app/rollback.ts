import { Command } from "commander";
import { EngineError } from "../../base/errors.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith, withRemedy } from "../exit.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { checkSucceeded, finishOperation } from "./finish.ts";
import { historyOf } from "./history.ts";
import { parseCount } from "./options.ts";

interface RollbackFlags {
  readonly prune?: true;
  readonly timeout: number;
  readonly appNamespace?: string;
}

/** `tiphys app rollback APPNAME [ID]` */
export function rollbackCommand(): Command {
  return new Command("rollback")
    .description(
      "Goes back to an earlier deployment; automated sync goes on with the next revision after the one that is left",
    )
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .argument("[id]", "of `app history`; default: the one before the last", parseCount)
    .option("--prune", "delete what that deployment did not have")
    .option("--timeout <seconds>", "how long to wait; 0: as long as it takes", parseCount, 0)
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, id: number | undefined, flags: RollbackFlags, self: Command) => {
      const client = openApplicationsClient(globalFlags(self));
      const found = await client.get(parseAppName(text, flags.appNamespace));
      const { name = "", namespace = "" } = found.metadata;
      const app = { name, namespace };
      const wanted =
        id ??
        previousOf(
          historyOf(found).map((entry) => Number(entry.id ?? 0)),
          name,
        );
      const started = await client
        .rollback(app, { id: wanted, prune: flags.prune === true })
        .catch((error: unknown) => {
          if (!(error instanceof EngineError) || !error.message.endsWith("in history")) throw error;
          throw withRemedy(`What there is: \`tiphys app history ${text}\`.`, error);
        });
      const options = { timeout: flags.timeout, resource: [], refreshes: true };
      const { finished } = await finishOperation(client, app, started, options, globalFlags(self));
      checkSucceeded(finished);
    });
}

function previousOf(ids: readonly number[], name: string): number {
  const previous = ids.at(-2);
  if (previous !== undefined) return previous;
  const message = `Application '${name}' should have at least two successful deployments`;
  throw exitingWith(20, new EngineError("NOT_FOUND", message));
}
