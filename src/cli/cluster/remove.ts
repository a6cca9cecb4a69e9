import { Command } from "commander";
import { listOf, textOf } from "../../api/fields.ts";
import { messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { openControlClient } from "../control-client.ts";
import { globalFlags } from "../engine-client.ts";
import { pathOf } from "./clusters.ts";
import { kubeconfigPath, openContextCluster } from "./context.ts";
import { uninstallManager } from "./manager.ts";

interface RemoveFlags {
  readonly kubeconfig?: string;
  readonly kubeContext?: string;
  readonly systemNamespace: string;
}

/** `tiphys cluster rm SERVER/NAME…` */
export function removeCommand(): Command {
  return new Command("rm")
    .description(
      "Forgets clusters, and takes the service account argocd-manager away there, where the kubeconfig has them",
    )
    .argument("<cluster...>", "their servers or names")
    .option("--kubeconfig <file>", "default: KUBECONFIG, then ~/.kube/config")
    .option("--kube-context <name>", "of the kubeconfig; default: the cluster's name")
    .option("--system-namespace <namespace>", "where the service account is", "kube-system")
    .option("-y, --yes", "do not ask (nothing is asked)")
    .action(async (ids: readonly string[], flags: RemoveFlags, self: Command) => {
      const client = openControlClient(globalFlags(self));
      for (const id of ids) {
        const cluster = await client.get(pathOf(id));
        await client.delete(pathOf(id));
        process.stdout.write(`Cluster '${id}' removed\n`);
        const rest = await withoutManager(cluster, flags).catch((error: unknown) => messageOf(error));
        if (rest !== undefined) {
          process.stderr.write(`what was made for the engine in the cluster stays there (argocd-manager): ${rest}\n`);
        }
      }
    });
}

/** Why it stays; undefined: it is gone. A context that leads elsewhere is not touched. */
async function withoutManager(cluster: JsonObject, flags: RemoveFlags): Promise<string | undefined> {
  const context = flags.kubeContext ?? textOf(cluster.name);
  const path = kubeconfigPath(flags.kubeconfig);
  await using remote = await openContextCluster(path, context);
  const server = textOf(cluster.server);
  if (withoutSlash(remote.baseUrl) !== withoutSlash(server)) {
    return `context ${JSON.stringify(context)} of ${path} is ${remote.baseUrl}, not ${server}: name one with --kube-context`;
  }
  const namespaces = listOf(cluster.namespaces).map(textOf);
  for (const name of await uninstallManager(remote.kube, { namespace: flags.systemNamespace, namespaces })) {
    process.stdout.write(`${name} deleted\n`);
  }
  return undefined;
}

function withoutSlash(url: string): string {
  return url.endsWith("/") ? url.slice(0, -1) : url;
}
