import type { StreamSpec } from "./bus.ts";

/** What the main thread and the worker say to each other: one list of requests or replies per turn and direction. */

export interface WorkerStart {
  readonly path: string;
  readonly streams: readonly StreamSpec[];
  readonly maxFileBytes?: number;
}

/** Many messages at once: strings and sizes beside each other, all bytes in one buffer. */
export interface PublishRequest {
  readonly kind: "publish";
  readonly streams: readonly string[];
  readonly subjects: readonly string[];
  readonly ids: readonly string[];
  readonly sizes: Uint32Array;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type WriteCall =
  | {
      readonly kind: "append";
      readonly stream: string;
      readonly subject: string;
      readonly data: Uint8Array;
      readonly expected: number;
    }
  | { readonly kind: "purge"; readonly stream: string; readonly subject: string; readonly before: number }
  | {
      readonly kind: "put";
      readonly store: string;
      readonly key: string;
      readonly value: Uint8Array;
      readonly expected: number;
      /** 0: for ever. */
      readonly ttlMs: number;
    }
  | { readonly kind: "delete"; readonly store: string; readonly key: string; readonly expected: number };

export type ReadCall =
  | { readonly kind: "last"; readonly stream: string; readonly subject: string }
  | { readonly kind: "get"; readonly store: string; readonly key: string }
  | { readonly kind: "entries"; readonly store: string; readonly prefix: string }
  | { readonly kind: "end"; readonly stream: string }
  | { readonly kind: "positionAt"; readonly stream: string; readonly atMs: number }
  | { readonly kind: "usage" };

/** The next messages after `after`; with `wait`, answered once there are any. -1: the oldest kept. */
export interface FetchRequest {
  readonly kind: "fetch";
  readonly stream: string;
  /** Of the position; another than the stream's means: from the first message. */
  readonly epoch: string;
  readonly after: number;
  readonly subjects: readonly string[];
  readonly limit: number;
  readonly wait: boolean;
}

export type Call = WriteCall | ReadCall | FetchRequest;

export type Request =
  | PublishRequest
  | { readonly kind: "call"; readonly number: number; readonly call: Call }
  | { readonly kind: "cancel"; readonly number: number }
  | { readonly kind: "close" };

export interface FetchReply {
  readonly epoch: string;
  readonly subjects: readonly string[];
  readonly sequences: Float64Array;
  readonly storedAt: Float64Array;
  readonly sizes: Uint32Array;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lostFrom: number;
  readonly lostTo: number;
  readonly through: number;
  /** The end of the stream at the time. */
  readonly end: number;
}

/** An error on its way between threads. */
export interface Failure {
  readonly code: "BUS_STALE" | "BUS_UNAVAILABLE" | "NOT_FOUND" | "STORE_FAILED";
  readonly message: string;
}

export interface ExpiredEntry {
  readonly store: string;
  readonly key: string;
}

export type Reply =
  | { readonly kind: "opened" }
  | { readonly kind: "failed"; readonly message: string }
  /** For the oldest publishes not yet answered, in order; a negative number is the sequence of a duplicate. */
  | { readonly kind: "acks"; readonly sequences: Float64Array<ArrayBuffer> }
  | { readonly kind: "refused"; readonly count: number; readonly failure: Failure }
  /** Why writes fail now; without a reason: they work again. */
  | { readonly kind: "trouble"; readonly reason?: string }
  | { readonly kind: "result"; readonly number: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly number: number; readonly failure: Failure }
  /** Entries that were removed because of their TTL. */
  | { readonly kind: "expired"; readonly entries: readonly ExpiredEntry[] }
  | { readonly kind: "closed" };
