import assert from "node:assert/strict";
import { test } from "node:test";
import { apiServerMissing, startApiServer } from "../harness/kube-apiserver.ts";
import { kubectl, kubectlMissing } from "../harness/kubectl.ts";
import { basics } from "./kubectl-basics.ts";
import type { Command } from "./kubectl-command.ts";
import { kinds } from "./kubectl-kinds.ts";

const skip = apiServerMissing() ?? kubectlMissing() ?? false;

/** What comes of controllers, which a bare API server does not have. */
const needsControllers =
  /^(?:rollout|wait|logs|exec|describe|get (?:pods?|all|endpoint\w*|jobs?|sa)\b|delete (?:namespace|pod)|taint|cordon)/;

function differences({ args, code = 0, out, error }: Command, result: Awaited<ReturnType<typeof kubectl>>): string[] {
  const fits = (wanted: string | RegExp | undefined, found: string): boolean =>
    wanted === undefined || (typeof wanted === "string" ? wanted === found : wanted.test(found));
  const isSame = result.code === code && fits(out, result.stdout) && fits(error, result.stderr);
  return isSame ? [] : [`kubectl ${args}: exit ${result.code}\n${result.stdout}${result.stderr}`];
}

test("a real kube-apiserver answers the same table", { skip, timeout: 600_000 }, async (context) => {
  await using server = await startApiServer();
  const found: string[] = [];
  for (const command of [...basics, ...kinds]) {
    const { args, list, input, env, onlyHere } = command;
    if (onlyHere !== undefined || needsControllers.test(args)) continue;
    const options = { ...(input === undefined ? {} : { input }), ...(env === undefined ? {} : { env }) };
    found.push(...differences(command, await kubectl(server.kubeconfig, list ?? args.split(" "), options)));
  }
  for (const difference of found) context.diagnostic(difference);
  assert.equal(found.length, 0, `${found.length} answers differ; they are listed above`);
});
