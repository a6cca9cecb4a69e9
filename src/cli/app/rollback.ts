import { Command } from "commander";
import { textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { globalFlags } from "../engine-client.ts";
import { exitingWith, withRemedy } from "../exit.ts";
import { print } from "../output.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";
import { checkSucceeded, finishOperation } from "./finish.ts";
import { historyOf } from "./history.ts";
import { parseCount } from "./options.ts";

interface RollbackFlags {
  readonly prune?: true;
  readonly git?: true;
  readonly branch?: string;
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
    .option("--git", "go back in Git: a commit that brings the folder back, which automated sync follows as any other")
    .option("--branch <name>", "with --git: push to this branch, for a pull request (default: that of the source)")
    .option("--timeout <seconds>", "how long to wait; 0: as long as it takes", parseCount, 0)
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, id: number | undefined, flags: RollbackFlags, self: Command) => {
      if (flags.git) return revert(text, id, flags, self);
      if (flags.branch !== undefined) throw new EngineError("USAGE", "--branch: must stand beside --git");
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
      const asked = client.rollback(app, { id: wanted, prune: flags.prune === true });
      const started = await sayingWhatThereIs(text, asked);
      const options = { timeout: flags.timeout, resource: [], refreshes: true };
      const { finished } = await finishOperation(client, app, started, options, globalFlags(self));
      checkSucceeded(finished);
    });
}

async function revert(text: string, id: number | undefined, flags: RollbackFlags, self: Command): Promise<void> {
  const { branch, appNamespace } = flags;
  const client = openApplicationsClient(globalFlags(self));
  const body = { ...(id === undefined ? {} : { id }), ...(branch === undefined ? {} : { branch }) };
  const commits = await sayingWhatThereIs(text, client.revert(parseAppName(text, appNamespace), body));
  print(globalFlags(self), commits, { text: (all) => revertText(all, branch !== undefined) });
}

async function sayingWhatThereIs<T>(app: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "DEPLOYMENT_UNKNOWN") throw error;
    throw withRemedy(`What there is: \`tiphys app history ${app}\`.`, error);
  }
}

function revertText(commits: readonly JsonObject[], isProposed: boolean): string {
  const lines = commits.map(({ repoURL, path, branch, commit, restored }) => {
    const [made, old] = [textOf(commit).slice(0, 7), textOf(restored).slice(0, 7)];
    const text = `Committed ${made} to ${textOf(branch)} of ${textOf(repoURL)}: ${textOf(path)} is as at ${old}`;
    return isProposed ? `${text}; open a pull request from that branch` : text;
  });
  return lines.join("\n");
}

function previousOf(ids: readonly number[], name: string): number {
  const previous = ids.at(-2);
  if (previous !== undefined) return previous;
  const message = `Application '${name}' should have at least two successful deployments`;
  throw exitingWith(20, new EngineError("NOT_FOUND", message));
}
