import { Command } from "commander";
import { EngineError } from "../../base/errors.ts";
import { globalFlags } from "../engine-client.ts";
import { withRemedy } from "../exit.ts";
import { openApplicationsClient, parseAppName } from "./applications-client.ts";

/** `tiphys app approve APPNAME`, of ours: what the guard keeps back may be deleted. */
export function approveCommand(): Command {
  return new Command("approve")
    .description("Approves the plan that an automated sync waits with; without --plan it is only shown")
    .argument("<appname>", "NAME or NAMESPACE/NAME")
    .option("--plan <digest>", "the plan, as it was shown: another set of deletions needs another approval")
    .option("-N, --app-namespace <namespace>", "the Application's namespace")
    .action(async (text: string, flags: { readonly plan?: string; readonly appNamespace?: string }, self: Command) => {
      const app = parseAppName(text, flags.appNamespace);
      const client = openApplicationsClient(globalFlags(self));
      if (flags.plan === undefined) {
        const { plan, message } = await saying(text, client.approval(app));
        process.stdout.write(`${message}\nTo approve: tiphys app approve ${text} --plan ${plan}\n`);
        return;
      }
      await saying(text, client.approve(app, flags.plan));
      process.stdout.write(`Application '${app.name}' plan ${flags.plan} approved\n`);
    });
}

/** Where nothing waits for an approval, why it waits is told elsewhere. */
async function saying<T>(app: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "APPROVAL_NOT_WANTED") throw error;
    throw withRemedy(`What it waits for: \`tiphys app why ${app}\`.`, error);
  }
}
