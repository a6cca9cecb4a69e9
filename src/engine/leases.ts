import { EngineError } from "../base/errors.ts";
import { applicationPartitions } from "../controllers/applications/application-partition.ts";
import { createLeases, type LeaseHolder, type LeaseSet } from "../controllers/leases.ts";
import { createSourceLeases } from "../controllers/source-leases.ts";
import type { EventBus } from "../events/bus/bus.ts";
import { createPartitions, partitionCount } from "../events/sensor/partition.ts";
import type { Base, EngineLeases, PartitionWorker, WorkLeases } from "./parts.ts";

/** Everything that is free is held when it resolves. */
export async function openLeases({ stack, nursery, dataDir, clock, log }: Base, bus: EventBus): Promise<EngineLeases> {
  const leases = createLeases({ store: bus.state("leases"), owner: dataDir.engineId, clock, log });
  let sets: { readonly sensors: LeaseSet; readonly applications: LeaseSet } | undefined;
  const partitions = createPartitions({
    bus,
    clock,
    log,
    ownership: {
      owns: (number) => sets?.sensors.owns(String(number)) ?? false,
      holds: (number) => sets?.sensors.holds(String(number)) ?? false,
    },
  });
  const sensors = createWork((number, reason) => partitions.close(number, reason));
  const applications = createWork(async () => undefined);
  sets = {
    sensors: leases.partitions("sensors", partitionCount, sensors.holder),
    applications: leases.partitions("applications", applicationPartitions, applications.holder),
  };
  const listeners: ((namespace: string, name: string) => void)[] = [];
  const sources = createSourceLeases({
    singles: (holder) => leases.singles("sources", holder),
    onChange: (namespace, name) => {
      for (const listener of listeners) listener(namespace, name);
    },
  });
  stack.use(nursery.start("leases", (signal) => leases.run(signal)));
  await leases.settled;
  return {
    partitions,
    sensors: sensors.of(sets.sensors),
    applications: applications.of(sets.applications),
    sources: { ...sources, onChange: (listener) => void listeners.push(listener) },
  };
}

/** Joins leases to who works under them, who comes later. `close` ends what is open of a partition. */
function createWork(close: (partition: number, reason: EngineError) => Promise<void>): {
  readonly holder: LeaseHolder;
  of(set: LeaseSet): WorkLeases;
} {
  let worker: PartitionWorker | undefined;
  const listeners: ((partition: number) => void)[] = [];
  const changed = (name: string): void => {
    worker?.changed(Number(name));
    for (const listener of listeners) listener(Number(name));
  };
  return {
    holder: {
      gained: changed,
      async yield(name) {
        await worker?.stop(Number(name));
        await close(Number(name), new EngineError("LEASE_LOST", "another engine takes over"));
        changed(name);
      },
      lost(name, reason) {
        void close(Number(name), reason); // never rejects
        changed(name);
      },
    },
    of: (set) => ({
      owns: (partition) => set.owns(String(partition)),
      workBy(one) {
        worker = one;
      },
      onChange: (listener) => void listeners.push(listener),
    }),
  };
}
