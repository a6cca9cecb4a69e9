import { homedir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { createLogger } from "../../base/log.ts";
import { createKubeClient } from "../../kube/client.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { openKubeconfig } from "../../kube/kubeconfig.ts";

/** Of a flag, of KUBECONFIG, or kubectl's own. */
export function kubeconfigPath(given: string | undefined): string {
  return given ?? process.env.KUBECONFIG?.split(":")[0] ?? join(homedir(), ".kube", "config");
}

export interface ContextCluster extends AsyncDisposable {
  readonly kube: KubeClient;
  readonly baseUrl: string;
}

/** The cluster that a context of a kubeconfig leads to. @throws what `openKubeconfig` throws */
export async function openContextCluster(path: string, context: string): Promise<ContextCluster> {
  const log = createLogger("error");
  const remote = await openKubeconfig({ path, context, env: process.env, clock: systemClock, log });
  const { baseUrl } = remote;
  const kube = createKubeClient({ fetch: remote.fetch, baseUrl, log });
  return { kube, baseUrl, [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose]() };
}
