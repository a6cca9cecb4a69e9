import type { ServerResponse } from "node:http";

/** Aborts once nobody waits for the answer any more: also where that was told before anybody listened. */
export function whenGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const onClose = (): void => gone.abort(new Error("nobody waits for the answer"));
  response.once("close", onClose);
  if (response.destroyed) onClose();
  return gone.signal;
}
