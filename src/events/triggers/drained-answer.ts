import type { Dispatcher } from "undici";

/** What is left of an answer whose body was read away, so that its connection can be used again. */
export interface DrainedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Of a body, to keep its connection; with more to come, or later, it is closed. */
const maxDrainBytes = 1024 * 1024;
const maxDrainMs = 2_000;

/**
 * Sends a request past undici's streams, which cost as much again as the request itself. The status is the answer: a body
 * that is slow, has no end or breaks off changes nothing about what the server did.
 */
export function drainAnswer(
  dispatcher: Pick<Dispatcher, "dispatch">,
  options: Dispatcher.DispatchOptions,
  deadline: AbortSignal,
): Promise<DrainedAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<DrainedAnswer>();
  let controller: Dispatcher.DispatchController | undefined;
  let answer: DrainedAnswer | undefined;
  let drained = 0;
  let late: NodeJS.Timeout | undefined;
  const settle = (error: unknown): void => {
    clearTimeout(late);
    deadline.removeEventListener("abort", onAbort);
    if (answer) resolve(answer);
    else reject(error);
  };
  const cut = (reason: Error): void => {
    settle(reason);
    controller?.abort(reason);
  };
  const onAbort = (): void => cut(deadline.reason);
  deadline.throwIfAborted();
  deadline.addEventListener("abort", onAbort, { once: true });
  dispatcher.dispatch(options, {
    onRequestStart(started) {
      controller = started;
      if (deadline.aborted) started.abort(deadline.reason);
    },
    onResponseStart(_controller, status, headers) {
      if (status < 200) return;
      answer = { status, headers };
      late = setTimeout(() => cut(new Error("the answer is too slow to read away")), maxDrainMs);
    },
    onResponseData(_reading, chunk) {
      drained += chunk.length;
      if (drained > maxDrainBytes) cut(new Error("the answer is too long to read away"));
    },
    // An error of each, with its trace, was a tenth of all that a request cost.
    onResponseEnd: () => settle(answer ? undefined : new Error("no answer")),
    onResponseError: (_controller, error) => settle(error),
  });
  return promise;
}
