import { type Clock, instant, unneeded } from "../base/clock.ts";
import { type JsonObject, parseJson } from "../base/json.ts";
import type { KubeObject } from "../objects/object.ts";
import type { Matcher } from "../objects/selector.ts";
import { asKubeObject } from "./metadata.ts";
import { inVersion, tableOf, tableText } from "./reads.ts";
import type { ResourceRequest } from "./request.ts";
import { apiVersionOf, storeKey } from "./resources.ts";
import { matcherOf } from "./selection.ts";
import { badRequest, expired } from "./status-error.ts";
import type { WriteDeps } from "./stored-object.ts";
import type { HeldChange, WatchWindow, WindowReader } from "./watch-window.ts";

const bookmarkMs = 60_000;
const longestMs = 60 * 60_000;

/** Watches that are open, so that closing the control plane ends them. */
export type OpenWatches = Set<AbortController>;

interface Watch {
  readonly deps: WriteDeps;
  readonly target: ResourceRequest;
  readonly reader: WindowReader;
  readonly matches: Matcher<KubeObject> | undefined;
  /** `text` is the object as JSON. */
  readonly encode: (type: string, text: string) => string;
}

/**
 * The body of a watch: one JSON line per change. Pulled, never pushed: a client that does not read holds no memory here,
 * and gets a 410 once the window has moved past it.
 */
export async function openWatch(
  deps: WriteDeps & { readonly window: WatchWindow; readonly watches: OpenWatches },
  target: ResourceRequest,
): Promise<ReadableStream<Uint8Array>> {
  await deps.store.settled();
  const { from, isInitial } = startOf(target.query, deps.store.revision);
  // One from a revision of the future waits for it, as with a real server.
  if (from < deps.window.oldest) throw expired(from, deps.window.oldest);
  const reader = deps.window.open(storeKey(target.resource), from);
  const watch: Watch = { deps, target, reader, matches: matcherOf(target.query), encode: encoder(deps, target) };
  const lines = isInitial ? initialLines(watch) : [];
  return streamOf(watch, lines, deps.watches);
}

function startOf(query: URLSearchParams, revision: number): { readonly from: number; readonly isInitial: boolean } {
  const text = query.get("resourceVersion") ?? "";
  if (!/^\d*$/.test(text)) throw badRequest(`Invalid value: "${text}": resourceVersion must be an unsigned integer`);
  const from = Number(text);
  const isInitial = from === 0 || query.get("sendInitialEvents") === "true";
  return { from: isInitial ? revision : from, isInitial };
}

function encoder(deps: WriteDeps, target: ResourceRequest): Watch["encode"] {
  const table = tableOf(target);
  if (table !== undefined) {
    return (type, text) => {
      const object = asKubeObject(parseJson(text) as JsonObject);
      const metadata = { resourceVersion: object.metadata.resourceVersion ?? "" };
      return `{"type":"${type}","object":${tableText(deps, target, table, [object], metadata)}}\n`;
    };
  }
  return (type, text) => `{"type":"${type}","object":${inVersion(target, text)}}\n`;
}

function initialLines(watch: Watch): string[] {
  const { deps, target } = watch;
  const rows = deps.store.list(storeKey(target.resource), { namespace: target.namespace, limit: -1 });
  const lines = rows.flatMap((row) => {
    return isMatch(watch, row.text) ? [watch.encode("ADDED", row.text)] : [];
  });
  if (target.query.get("sendInitialEvents") === "true") lines.push(bookmark(watch, true));
  return lines;
}

function bookmark({ target, reader }: Watch, isInitialEnd = false): string {
  const annotations = isInitialEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  const metadata = { resourceVersion: String(reader.cursor), creationTimestamp: null, ...annotations };
  const object = { kind: target.resource.kind, apiVersion: apiVersionOf(target.resource), metadata };
  return `${JSON.stringify({ type: "BOOKMARK", object })}\n`;
}

function streamOf(watch: Watch, first: readonly string[], watches: OpenWatches): ReadableStream<Uint8Array> {
  const ended = new AbortController();
  watches.add(ended);
  const { signal } = watch.target.request;
  const end = (): void => ended.abort();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  ended.signal.addEventListener("abort", () => {
    signal.removeEventListener("abort", end);
    watches.delete(ended);
    watch.reader[Symbol.dispose]();
  });
  const lines = linesOf(watch, first, ended.signal);
  const encoderOfText = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await lines.next();
        if (!next.done) return controller.enqueue(encoderOfText.encode(next.value));
        end();
        controller.close();
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

async function* linesOf(watch: Watch, first: readonly string[], signal: AbortSignal): AsyncGenerator<string> {
  const { clock } = watch.deps;
  const wantsBookmarks = watch.target.query.get("allowWatchBookmarks") === "true";
  const deadline = clock.now() + lifetimeMs(watch.target.query);
  if (first.length > 0) yield first.join("");
  while (!signal.aborted) {
    const changes = watch.reader.take();
    if (changes === undefined) return yield gone(watch);
    const text = changes.map((change) => lineOf(watch, change) ?? "").join("");
    if (text !== "") yield text;
    const isQuiet = await waitQuietly(clock, watch.reader, Math.min(deadline, clock.now() + bookmarkMs), signal);
    if (clock.now() >= deadline) return;
    if (isQuiet && wantsBookmarks && !signal.aborted) yield bookmark(watch);
  }
}

function lifetimeMs(query: URLSearchParams): number {
  const asked = Number(query.get("timeoutSeconds") ?? 0) * 1000;
  return asked > 0 ? Math.min(asked, longestMs) : longestMs;
}

/** Until there is a change, `at` is reached or the watch ends; true when it was the time. */
async function waitQuietly(clock: Clock, reader: WindowReader, at: number, signal: AbortSignal): Promise<boolean> {
  const done = new AbortController();
  const either = AbortSignal.any([done.signal, signal]);
  try {
    return await Promise.race([
      clock.sleepUntil(instant(at), either).then(
        () => true,
        () => false,
      ),
      reader.changed(either).then(() => false),
    ]);
  } finally {
    done.abort(unneeded);
  }
}

function gone({ reader, deps }: Watch & { readonly deps: WriteDeps }): string {
  const status = expired(reader.cursor, deps.store.revision).body();
  return `${JSON.stringify({ type: "ERROR", object: status })}\n`;
}

/** A change as the watch's selection sees it: an object that leaves the selection is deleted from it. */
function lineOf(watch: Watch, change: HeldChange): string | undefined {
  const { target, encode } = watch;
  if (target.namespace !== undefined && change.namespace !== target.namespace) return undefined;
  if (target.name !== undefined && change.name !== target.name) return undefined;
  const isIn = isMatch(watch, change.text);
  const wasIn = change.previousText !== undefined && isMatch(watch, change.previousText);
  if (change.type === "DELETED") return wasIn ? encode("DELETED", change.text) : undefined;
  if (isIn) return encode(wasIn ? "MODIFIED" : "ADDED", change.text);
  return wasIn ? encode("DELETED", change.text) : undefined;
}

/** Parses the text only where something is selected by. */
function isMatch({ matches }: Watch, text: string): boolean {
  return matches === undefined || matches(asKubeObject(parseJson(text) as JsonObject));
}
