import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import type { buildConnector, DiagnosticsChannel } from "undici";

/** What happens on a connection: it is kept from its second request on. */
interface Use {
  requests: number;
  /** Whether anything came of an answer to the last request. */
  isAnswered: boolean;
}

export interface KeptConnections {
  /** `callback`, with the connection watched from then on. */
  watching(callback: buildConnector.Callback): buildConnector.Callback;
  /** Whether a kept connection ended with `error` after a request went out on it, and before any byte of its answer. */
  isFailure(error: unknown): boolean;
  end(): void;
}

/** undici tells of each request and its connection only there. */
const requestsSent = "undici:client:sendHeaders";

export function watchKept(): KeptConnections {
  const uses = new WeakMap<object, Use>();
  const failures = new WeakSet<object>();
  const onSent = (message: unknown): void => {
    const { socket } = message as DiagnosticsChannel.ClientSendHeadersMessage;
    const use = uses.get(socket);
    if (use === undefined) return;
    // Not before the first request: a listener would set it flowing, while undici has not begun to read.
    if (use.requests++ === 0) socket.on("data", () => Object.assign(use, { isAnswered: true }));
    use.isAnswered = false;
  };
  const watch = (socket: Socket): void => {
    const use: Use = { requests: 0, isAnswered: false };
    uses.set(socket, use);
    socket.once("error", (failure) => {
      if (use.requests > 1 && !use.isAnswered) failures.add(failure);
    });
  };
  subscribe(requestsSent, onSent);
  return {
    watching:
      (callback) =>
      (...[error, socket]: Parameters<buildConnector.Callback>) => {
        if (error !== null || socket === null) return callback(error ?? new Error("no connection"), null);
        watch(socket);
        callback(null, socket);
      },
    isFailure: (error) => typeof error === "object" && error !== null && failures.has(error),
    end: () => void unsubscribe(requestsSent, onSent),
  };
}
