import { type Answer, openTestPlane, type TestPlane } from "../../harness/control-plane.ts";
import { createVirtualClock, type VirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";

/** Objects of any shape. */
export type Seen = Answer["body"];
export type SimulatedPlane = TestPlane & { readonly clock: VirtualClock };

export const podTemplate = (image: string, annotations: object = {}) => ({
  metadata: { labels: { app: "w" }, annotations },
  spec: { containers: [{ name: "w", image }] },
});

/** A control plane that simulates, on virtual time. */
export async function openSimulation(): Promise<SimulatedPlane> {
  const clock = createVirtualClock();
  return Object.assign(await openTestPlane({ clock, simulate: true }), { clock });
}

/** Gives controllers turns, and time in small steps, until the object is as wanted. */
export async function until(plane: SimulatedPlane, path: string, what: string, is: (object: Seen) => unknown) {
  return waitFor(what, async () => {
    await plane.clock.advance(100);
    const { body } = await plane.call("GET", path);
    return Boolean(is(body)) && body;
  });
}
