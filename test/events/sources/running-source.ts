import type { JsonObject } from "../../../src/base/json.ts";
import type { SourceContext, SourceKind } from "../../../src/events/sources/source.ts";
import { waitFor } from "../../harness/wait.ts";
import { type RecordedContext, recordedContext } from "./source-context.ts";

export interface RunningSource extends AsyncDisposable {
  readonly context: RecordedContext;
  /** The data of each event, in order. */
  data(): JsonObject[];
  /** What it ended with; undefined after a clean stop. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** Runs a source without a runner: a failure ends it. Waits until it listens. */
export async function runSource<Spec>(
  kind: SourceKind<Spec>,
  spec: JsonObject,
  parts: Partial<SourceContext> = {},
  secrets: Record<string, string> = {},
): Promise<RunningSource> {
  const context = recordedContext(parts, secrets);
  const end = new AbortController();
  let failure: unknown;
  const ended = kind.run(kind.schema.parse(spec, "spec.kind.e"), context, end.signal).then(
    () => undefined,
    (error: unknown) => {
      failure = error;
      return error;
    },
  );
  const stop = async (): Promise<void> => {
    end.abort();
    await ended;
  };
  try {
    await waitFor("the source to listen", () => {
      if (failure !== undefined) throw failure;
      return context.isReady.value;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    context,
    ended,
    stop,
    data: () => context.emitted.map(({ data }) => data as JsonObject),
    [Symbol.asyncDispose]: stop,
  };
}
