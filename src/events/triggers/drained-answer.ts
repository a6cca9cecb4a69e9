import type { Dispatcher } from "undici";

/** What is left of an answer whose body was read away, so that its connection can be used again. */
export interface DrainedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Of a body, to keep its connection; with more to come it is closed. */
const maxDrainBytes = 1024 * 1024;

/** Sends a request past undici's streams, which cost as much again as the request itself. */
export function drainAnswer(
  dispatcher: Pick<Dispatcher, "dispatch">,
  options: Dispatcher.DispatchOptions,
  deadline: AbortSignal,
): Promise<DrainedAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<DrainedAnswer>();
  let controller: Dispatcher.DispatchController | undefined;
  let answer: DrainedAnswer | undefined;
  let drained = 0;
  const onAbort = (): void => {
    reject(deadline.reason);
    controller?.abort(deadline.reason);
  };
  const end = (settle: () => void): void => {
    deadline.removeEventListener("abort", onAbort);
    settle();
  };
  const finish = (): void => end(() => (answer ? resolve(answer) : reject(new Error("no answer"))));
  deadline.throwIfAborted();
  deadline.addEventListener("abort", onAbort, { once: true });
  dispatcher.dispatch(options, {
    onRequestStart(started) {
      controller = started;
      if (deadline.aborted) started.abort(deadline.reason);
    },
    onResponseStart(_controller, status, headers) {
      if (status >= 200) answer = { status, headers };
    },
    onResponseData(reading, chunk) {
      drained += chunk.length;
      if (drained <= maxDrainBytes) return;
      finish();
      reading.abort(new Error("the answer is too long to read away"));
    },
    onResponseEnd: finish,
    onResponseError: (_controller, error) => end(() => reject(error)),
  });
  return promise;
}
