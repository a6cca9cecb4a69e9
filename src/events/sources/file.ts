import { type FSWatcher, watch } from "node:fs";
import { basename, join } from "node:path";
import { sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { compileRegex } from "../../base/regex.ts";
import { changesBetween, containedDirectory, type FileChange, listDirectory, operationBits } from "./directory.ts";
import { eventId, keepEvent } from "./draft.ts";
import { type FileSpec, fileSchema } from "./file-spec.ts";
import { openSeen, type Seen } from "./seen.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { operationsOf } from "./source-rules.ts";

/** As often as the original's poller; also the least time between two looks when the system tells of changes. */
const pollMs = 100;
/** How often to look though nothing was told: some file systems tell nothing. */
const sweepMs = 5_000;

export const fileSource: SourceKind<FileSpec> = {
  eventType: "file",
  singleton: true,
  schema: fileSchema,
  async run(spec, context, signal) {
    const { directory } = spec.watchPathConfig;
    const real = await openDirectory(directory, context);
    const seen = await openSeen(context.state, directory, context.clock.now());
    const bell = createBell();
    using watcher = spec.polling ? undefined : watchDirectory(real, bell.ring);
    if (seen.isFirst) for (const [name, version] of await listDirectory(real)) seen.set(name, version);
    await seen.flush();
    context.ready();
    while (!signal.aborted) {
      if (await tellChanges({ spec, real, seen, context }, signal)) await seen.flush();
      await sleepFor(context.clock, pollMs, signal).catch(() => undefined);
      if (watcher) await bell.rung(sweepMs, signal);
    }
  },
};

async function openDirectory(directory: string, { fileRoot, event }: SourceContext): Promise<string> {
  const path = `spec.file.${event}.watchPathConfig.directory`;
  try {
    return await containedDirectory(directory, fileRoot, path);
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    throw new EngineError("FILE_FAILED", `${path}: ${messageOf(error)}`, error);
  }
}

interface Watched {
  readonly spec: FileSpec;
  readonly real: string;
  readonly seen: Seen;
  readonly context: SourceContext;
}

/** Whether anything changed. What was told already is known even when the next one fails. */
async function tellChanges({ spec, real, seen, context }: Watched, signal: AbortSignal): Promise<boolean> {
  const after = await listDirectory(real);
  const changes = changesBetween(seen.entries, after);
  for (const change of changes) {
    if (signal.aborted) return true;
    if (isWanted(spec, change)) {
      const { name, operation, version } = change;
      const id = eventId(context, `${name}/${operation}/${version}`);
      await keepEvent({ id, data: dataOf(spec, change) }, context, signal);
    }
    const now = after.get(change.name);
    if (now === undefined) seen.delete(change.name);
    else seen.set(change.name, now);
  }
  return changes.length > 0;
}

function isWanted(spec: FileSpec, { name, operation }: FileChange): boolean {
  const { path, pathRegexp } = spec.watchPathConfig;
  if (!operationsOf(spec.eventType).includes(operation)) return false;
  if (path) return name === path;
  return compileRegex(pathRegexp ?? "").matches(name);
}

/** `metadata` is always there, and the poller of the original tells the name without its directory. */
function dataOf(spec: FileSpec, { name, operation }: FileChange) {
  const full = join(spec.watchPathConfig.directory, name);
  return { name: spec.polling ? basename(full) : full, op: operationBits[operation], metadata: spec.metadata ?? null };
}

function watchDirectory(directory: string, onChange: () => void): FSWatcher & Disposable {
  const watcher = watch(directory, { persistent: false }, onChange);
  watcher.on("error", onChange); // the next look says what is wrong
  return Object.assign(watcher, { [Symbol.dispose]: () => watcher.close() });
}

/** Remembers a ring that nobody waited for. */
function createBell() {
  let hasRung = false;
  let wake: (() => void) | undefined;
  return {
    ring(): void {
      hasRung = true;
      wake?.();
    },
    async rung(withinMs: number, signal: AbortSignal): Promise<void> {
      if (!hasRung && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = setTimeout(resolve, withinMs);
        signal.addEventListener("abort", resolve as () => void, { once: true });
        await promise;
        clearTimeout(timer);
        signal.removeEventListener("abort", resolve as () => void);
        wake = undefined;
      }
      hasRung = false;
    },
  };
}
