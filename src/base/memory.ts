import { Session } from "node:inspector/promises";

/**
 * Collects garbage now and gives the memory back. For the end of a start, which leaves much behind (parsed manifests,
 * modules' own set-up) in a heap that V8 shrinks only under load: about 100 MiB with 2,000 resources.
 */
export async function releaseGarbage(): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post("HeapProfiler.collectGarbage");
  } finally {
    session.disconnect();
  }
}

/** For workers that hold little and see many short-lived messages: a young generation that stays small. */
export const smallWorker = { maxYoungGenerationSizeMb: 8 } as const;
