import type { Slots } from "../../base/slots.ts";
import type { KubeClient } from "../../kube/kube.ts";

/**
 * The same cluster with a bound on how many requests are under way: whoever only waits (for health, for a hook) takes no
 * place. Watches are not counted: they last. `check` is called right before each request, and throws when it must not be
 * made any more: the process may have been stopped for a while.
 */
export function limitedClient(kube: KubeClient, slots: Slots, check: () => void = () => undefined): KubeClient {
  async function limited<T>(signal: AbortSignal | undefined, request: () => Promise<T>): Promise<T> {
    using _place = await slots.take(signal ?? new AbortController().signal);
    check();
    return await request();
  }
  return {
    get: (ref, signal) => limited(signal, () => kube.get(ref, signal)),
    list: (kind, options, signal) => limited(signal, () => kube.list(kind, options, signal)),
    create: (object, options, signal) => limited(signal, () => kube.create(object, options, signal)),
    update: (object, options, signal) => limited(signal, () => kube.update(object, options, signal)),
    patch: (ref, type, patch, options, signal) => limited(signal, () => kube.patch(ref, type, patch, options, signal)),
    delete: (ref, options, signal) => limited(signal, () => kube.delete(ref, options, signal)),
    watch: (kind, from, options, signal) => kube.watch(kind, from, options, signal),
    isNamespaced: (kind, signal) => kube.isNamespaced(kind, signal),
    document: (path, signal) => limited(signal, () => kube.document(path, signal)),
    kindOf: (apiVersion, plural, signal) => limited(signal, () => kube.kindOf(apiVersion, plural, signal)),
    as: (user) => limitedClient(kube.as(user), slots, check),
  };
}
