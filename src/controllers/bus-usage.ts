import { messageOf } from "../base/errors.ts";
import type { BusUsage } from "../events/bus/bus.ts";
import type { BusDirectory, BusHandle } from "./bus-directory.ts";

/** What every bus holds, and how far its reader is; one that is away says so and holds up no other. */
export function readBusUsage(directory: BusDirectory): Promise<readonly BusUsage[]> {
  return Promise.all(directory.list().map(usageOf));
}

async function usageOf({ name, bus, reader, stream }: BusHandle): Promise<BusUsage> {
  try {
    const [streams, lag] = await Promise.all([bus.usage(), reader.lag()]);
    return { name, streams, reader: { stream, lag } };
  } catch (error) {
    return { name, streams: [], error: messageOf(error) };
  }
}
