import { TerminalError } from "../base/errors.ts";
import type { KubeClient, WriteOptions } from "./kube.ts";

/** A client that reads, and writes only as a dry run: whatever a plan tries, nothing changes. @throws TerminalError TRIGGER_FAILED */
export function dryRunOnly(kube: KubeClient): KubeClient {
  const checked = (options: WriteOptions | undefined): WriteOptions => {
    if (options?.dryRun === true) return options;
    throw new TerminalError("TRIGGER_FAILED", "a plan must not write: only dry runs are allowed here");
  };
  return {
    get: (ref, signal) => kube.get(ref, signal),
    list: (kind, options, signal) => kube.list(kind, options, signal),
    watch: (kind, from, options, signal) => kube.watch(kind, from, options, signal),
    document: (path, signal) => kube.document(path, signal),
    logs: (pod, query, signal) => kube.logs(pod, query, signal),
    kindOf: (apiVersion, plural, signal) => kube.kindOf(apiVersion, plural, signal),
    isNamespaced: (kind, signal) => kube.isNamespaced(kind, signal),
    create: async (object, options, signal) => kube.create(object, checked(options), signal),
    update: async (object, options, signal) => kube.update(object, checked(options), signal),
    patch: async (ref, type, patch, options, signal) => kube.patch(ref, type, patch, checked(options), signal),
    delete: async (ref, options, signal) => kube.delete(ref, checked(options), signal),
    as: (user) => dryRunOnly(kube.as(user)),
  };
}
