import type { KubeClient, WriteOptions } from "./kube.ts";

/**
 * The same cluster, as whoever `kube` is; `check` is called right before each write leaves, and before each repeat: what it
 * throws is how the write fails. Dry runs change nothing, and are not asked about.
 */
export function withCheckedWrites(kube: KubeClient, check: () => void): KubeClient {
  const checked = (options?: WriteOptions): WriteOptions =>
    options?.dryRun ? options : { ...options, beforeSend: check };
  return {
    ...kube,
    create: (object, options, signal) => kube.create(object, checked(options), signal),
    update: (object, options, signal) => kube.update(object, checked(options), signal),
    patch: (ref, type, patch, options, signal) => kube.patch(ref, type, patch, checked(options), signal),
    delete: (ref, options, signal) => kube.delete(ref, checked(options), signal),
    as: (user) => withCheckedWrites(kube.as(user), check),
  };
}
