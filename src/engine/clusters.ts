import { type Clusters, type ClustersDeps, createClusters } from "../controllers/applications/clusters.ts";
import { secretTypeLabel } from "../controllers/applications/repository-access.ts";
import { createClusterVersions } from "../kube/cluster-versions.ts";
import { openContext } from "../kube/kubeconfig.ts";
import type { LiveState } from "../kube/live-state.ts";
import { trimLive } from "../kube/trim-live.ts";
import { createWatchCache } from "../kube/watch-cache.ts";
import { controllerNamespace, type Parts } from "./parts.ts";
import type { Settings } from "./settings.ts";

/** The clusters that Secrets declare, beside the engine's own, whose live state `own` is. */
export async function openClusters(
  { stack, nursery, kube, config, clock, log }: Parts,
  own: LiveState,
  { sync: { isOwnClusterEnabled, respectRbac }, groupOf }: Settings,
  told: Pick<ClustersDeps, "follow" | "onChange">,
): Promise<Clusters> {
  const secrets = createWatchCache({
    client: kube,
    kind: { apiVersion: "v1", kind: "Secret" },
    options: { namespace: controllerNamespace, labelSelector: `${secretTypeLabel}=cluster` },
    clock,
    log,
  });
  stack.use(nursery.start("cluster Secrets", (signal) => secrets.run(signal)));
  await secrets.synced;
  return stack.use(
    createClusters({
      ...told,
      secrets,
      own: { kube, live: own, versions: createClusterVersions(kube, clock) },
      isOwnEnabled: isOwnClusterEnabled,
      open: (context) => openContext(context, { env: config.git.env, clock, log }),
      live: { groupOf, trim: trimLive },
      respectRbac,
      nursery,
      clock,
      log,
    }),
  );
}
