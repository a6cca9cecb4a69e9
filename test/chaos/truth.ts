import type { SinkRequest } from "../harness/http-sink.ts";

/** What was kept and what was acted on, counted outside of everything that is killed. */
export interface Truth {
  /** The name of the next event to send. */
  next(sender: string): string;
  /** Answered 200, or acknowledged by the bus: from now on it must be acted on. */
  kept(event: string): void;
  /** A trigger asks for it. */
  asked(action: Action): void;
  /** It is done, and who asked was told. */
  acted(action: Action): void;
  count(): Count;
}

/** What a trigger asked the sink for. */
export interface Action {
  readonly sensor: string;
  readonly event: string;
  /** When the event was sent, in milliseconds since 1970. */
  readonly sentAt: number;
  readonly key: string | undefined;
}

/** A request to `/<Sensor>` with `{"n": <event>, "t": <when it was sent>}`. */
export function actionOf({ path, body, headers }: SinkRequest): Action {
  const { n, t } = JSON.parse(body) as { n: unknown; t: unknown };
  const key = headers["idempotency-key"];
  return {
    sensor: path.slice(1),
    event: String(n),
    sentAt: Number(t),
    key: typeof key === "string" ? key : undefined,
  };
}

export interface Count {
  readonly sent: number;
  readonly kept: number;
  /** Of those kept, by every Sensor that has to. */
  readonly actedOn: number;
  readonly lost: readonly string[];
  /** How many of those each Sensor did not act on: a Sensor that stands still lacks all that came since. */
  readonly lostBy: Readonly<Record<string, number>>;
  /** `<Sensor> <event>` under several keys, or under none. */
  readonly underTwoKeys: readonly string[];
  /** Requests that came again under the same key. */
  readonly repeated: number;
}

/** `sensors`: each has to act on every event; what others send is looked at for its keys only. */
export function createTruth(sensors: readonly string[]): Truth {
  const kept = new Set<string>();
  const keys = new Map<string, string>();
  const done = new Set<string>();
  const underTwoKeys = new Set<string>();
  let sent = 0;
  let repeated = 0;

  function note(action: string, key: string | undefined): void {
    const known = keys.get(action);
    if (key === undefined || (known !== undefined && known !== key)) underTwoKeys.add(action);
    else if (known === undefined) keys.set(action, key);
    else repeated += 1;
  }

  return {
    next: (sender) => `${sender}.${++sent}`,
    kept: (event) => void kept.add(event),
    asked: ({ sensor, event, key }) => note(`${sensor} ${event}`, key),
    acted: ({ sensor, event }) => void done.add(`${sensor} ${event}`),
    count() {
      const lacks = (sensor: string) => (event: string) => !done.has(`${sensor} ${event}`);
      const lost = [...kept].filter((event) => sensors.some((sensor) => lacks(sensor)(event)));
      const lostBy = Object.fromEntries(sensors.map((sensor) => [sensor, lost.filter(lacks(sensor)).length]));
      const actedOn = kept.size - lost.length;
      return { sent, kept: kept.size, actedOn, lost, lostBy, underTwoKeys: [...underTwoKeys], repeated };
    },
  };
}
