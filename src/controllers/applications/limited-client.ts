import type { Slots } from "../../base/slots.ts";
import type { KubeClient, WriteOptions } from "../../kube/kube.ts";

/** How long a write that has begun may take after whoever wants it gave up. */
const writeMs = 10_000;

/**
 * A write that has begun is not cut off: the server may make it all the same, and by then another engine may have the
 * Application. Whoever waits for it waits for its end.
 */
export async function uncut<T>(
  signal: AbortSignal | undefined,
  write: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const late = new AbortController();
  const giveUpLater = (): void =>
    AbortSignal.timeout(writeMs).addEventListener("abort", () => late.abort(signal?.reason), { once: true });
  signal?.addEventListener("abort", giveUpLater, { once: true });
  try {
    return await write(late.signal);
  } finally {
    signal?.removeEventListener("abort", giveUpLater);
  }
}

/**
 * The same cluster with a bound on how many requests are under way: whoever only waits (for health, for a hook) takes no
 * place. Watches are not counted: they last. `check` is called before each request, of a write right before it leaves, and
 * throws when it must not be made any more: the process may have been stopped for a while.
 */
export function limitedClient(kube: KubeClient, slots: Slots, check: () => void = () => undefined): KubeClient {
  async function limited<T>(signal: AbortSignal | undefined, request: () => Promise<T>): Promise<T> {
    using _place = await slots.take(signal ?? new AbortController().signal);
    check();
    return await request();
  }
  const checked = (options?: WriteOptions): WriteOptions => ({ ...options, beforeSend: check });
  return {
    get: (ref, signal) => limited(signal, () => kube.get(ref, signal)),
    list: (kind, options, signal) => limited(signal, () => kube.list(kind, options, signal)),
    create: (object, options, signal) =>
      limited(signal, () => uncut(signal, (until) => kube.create(object, checked(options), until))),
    update: (object, options, signal) =>
      limited(signal, () => uncut(signal, (until) => kube.update(object, checked(options), until))),
    patch: (ref, type, patch, options, signal) =>
      limited(signal, () => uncut(signal, (until) => kube.patch(ref, type, patch, checked(options), until))),
    delete: (ref, options, signal) =>
      limited(signal, () => uncut(signal, (until) => kube.delete(ref, checked(options), until))),
    watch: (kind, from, options, signal) => kube.watch(kind, from, options, signal),
    logs: (pod, query, signal) => kube.logs(pod, query, signal),
    isNamespaced: (kind, signal) => kube.isNamespaced(kind, signal),
    document: (path, signal) => limited(signal, () => kube.document(path, signal)),
    kindOf: (apiVersion, plural, signal) => limited(signal, () => kube.kindOf(apiVersion, plural, signal)),
    as: (user) => limitedClient(kube.as(user), slots, check),
  };
}
