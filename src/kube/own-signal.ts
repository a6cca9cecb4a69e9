/** A signal that follows another until it is disposed of. */
export interface OwnSignal extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * For one request. A `Request` listens to its signal until it is garbage collected, and each new listener is compared
 * with all others: on a signal that lives as long as the engine, requests would become slower and slower.
 */
export function ownSignal(parent: AbortSignal | undefined): OwnSignal {
  const own = new AbortController();
  const follow = (): void => own.abort(parent?.reason);
  if (parent?.aborted) follow();
  else parent?.addEventListener("abort", follow);
  return { signal: own.signal, [Symbol.dispose]: () => parent?.removeEventListener("abort", follow) };
}
