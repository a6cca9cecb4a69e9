import { Command } from "commander";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import { approvedPlanAnnotation } from "../../gitops/sync/guard.ts";
import type { KubeObject } from "../../objects/object.ts";
import { globalFlags } from "../engine-client.ts";
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
      const waiting = waitingPlan(await client.get(app));
      if (waiting === undefined) throw new EngineError("NOT_FOUND", `Application '${app.name}' waits for no approval`);
      if (flags.plan === undefined) {
        process.stdout.write(`${waiting.message}\nTo approve: tiphys app approve ${text} --plan ${waiting.digest}\n`);
        return;
      }
      if (flags.plan !== waiting.digest) {
        throw new EngineError("USAGE", `--plan: "${flags.plan}" is not the plan that waits now, ${waiting.digest}`);
      }
      const metadata = { annotations: { [approvedPlanAnnotation]: waiting.digest } };
      await client.patch(app, JSON.stringify({ metadata }), "merge");
      process.stdout.write(`Application '${app.name}' plan ${waiting.digest} approved\n`);
    });
}

/** From the condition that tells of it. */
function waitingPlan({ status }: KubeObject): { readonly digest: string; readonly message: string } | undefined {
  for (const condition of listOf(objectOf(status as JsonValue | undefined).conditions)) {
    const message = textOf(objectOf(condition).message);
    const [, before = "", digest] =
      /^(needs approval: .*)\. To approve: .*=([0-9a-f]{16}), or sync/.exec(message) ?? [];
    if (digest !== undefined) return { digest, message: before };
  }
  return undefined;
}
