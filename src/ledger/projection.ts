import type { EventBus } from "../events/bus/bus.ts";
import type { Subject } from "../record/subject.ts";
export interface Projection extends AsyncDisposable { follow(name: string, bus: EventBus, subjects: readonly Subject[], signal: AbortSignal): Promise<void> }
export async function openProjection(_: unknown): Promise<Projection> {
  return { follow: (_n, _b, _s, signal) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())), [Symbol.asyncDispose]: async () => undefined };
}
