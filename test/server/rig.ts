import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { openSqliteBus } from "../../src/events/bus/sqlite.ts";
import { systemStreams } from "../../src/events/bus/streams.ts";
import { type LedgerStore, openLedger } from "../../src/ledger/ledger.ts";
import { openProjection } from "../../src/ledger/projection.ts";
import { encodeEvent } from "../../src/record/cloud-event.ts";
import { eventSubject, rawSubject } from "../../src/record/subject.ts";
import { openServer } from "../../src/server/server.ts";
import { createWhy } from "../../src/server/why.ts";
import { admit } from "../../src/validate/admission.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { cloudEvent, decisionDraft, effectDraft } from "../ledger/drafts.ts";

const clock = systemClock;
const log = silentLogger;

export interface Rig extends AsyncDisposable {
  readonly url: string;
  readonly dir: string;
  readonly token: string;
  /** What `/readyz` answers with 503, if anything. */
  notReady: string | undefined;
  /** The records of event `e1`. */
  readonly decision: string;
  readonly effect: string;
  /** To write more. */
  readonly ledger: LedgerStore;
}

/** The API on a random port, over a real bus, ledger and projection that hold one event and what it caused. */
export async function openRig(): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const bus = stack.use(await openSqliteBus({ path: join(dir.path, "bus.db"), streams: systemStreams(), log }));
  const projection = stack.use(await openProjection({ path: join(dir.path, "ledger.db"), clock, log }));
  const stop = new AbortController();
  const following = projection.follow("system", bus, [rawSubject("events.>")], stop.signal);
  stack.defer(async () => {
    stop.abort();
    await following;
  });
  const ledger = stack.use(await openLedger({ bus, writer: "w", clock, log }));
  const publish = (id: string, source = "webhook") => {
    const event = { ...cloudEvent(id), source };
    return bus.publish(eventSubject("default", source, "example"), { id, data: encodeEvent(event) });
  };
  await publish("e1");
  const decision = ledger.write(decisionDraft("e1"));
  const effect = ledger.write(effectDraft(1, decision.id));
  await Promise.all([decision.kept, effect.kept]);
  const { history } = projection;
  const rig = { notReady: undefined as string | undefined };
  const token = "secret-token";
  const server = stack.use(
    await openServer({
      host: "127.0.0.1",
      port: 0,
      token,
      metrics: createMetrics(),
      admit,
      history,
      notReady: () => rig.notReady,
      why: createWhy({ history, sensors: () => [], readEvent: async () => undefined }),
      buses: async () => [{ name: "system", streams: await bus.usage() }],
      async send({ eventSource, id = "generated" }) {
        await publish(id, eventSource);
        return id;
      },
      log,
    }),
  );
  const owned = stack.move();
  return Object.assign(rig, {
    url: server.url,
    dir: dir.path,
    token,
    decision: decision.id,
    effect: effect.id,
    ledger,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}
