import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import { EngineError } from "../../base/errors.ts";
import type { Subject } from "../../record/subject.ts";
import type {
  BusHealth,
  EventBus,
  PublishAck,
  ReadBatch,
  ReadQuery,
  StateOptions,
  StateStore,
  StoredMessage,
  StreamSpec,
  StreamUsage,
} from "./bus.ts";
import { busError, type Connection, type ConnectionOptions, openConnection } from "./jetstream-connection.ts";
import { Publisher } from "./jetstream-publisher.ts";
import { StreamReader } from "./jetstream-reader.ts";
import { shareStream } from "./jetstream-share.ts";
import { jetStreamState } from "./jetstream-state.ts";
import { ensureStreams } from "./jetstream-streams.ts";
import { readUsage } from "./jetstream-usage.ts";
import { streamOf } from "./streams.ts";

export interface JetStreamBusOptions extends ConnectionOptions {
  readonly streams: readonly StreamSpec[];
}

/**
 * A bus on a nats-server with JetStream, 2.9 or newer.
 * @throws EngineError BUS_UNAVAILABLE, BUS_UNAUTHORIZED, BUS_UNSUPPORTED, BUS_STREAM_MISMATCH
 */
export async function openJetStreamBus(options: JetStreamBusOptions): Promise<EventBus> {
  const connection = await openConnection(options);
  try {
    const copies = await ensureStreams(connection, options.streams, options.log);
    options.log.info("bus opened", { driver: "jetstream", server: connection.nc.info?.version, copies });
    return new JetStreamBus(connection, options, copies);
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}

class JetStreamBus implements EventBus {
  readonly #connection: Connection;
  readonly #options: JetStreamBusOptions;
  readonly #copies: number;
  readonly #publisher: Publisher;
  readonly #stop = new AbortController();
  /** Header and data count together: room for the id. */
  readonly maxMessageBytes: number;

  constructor(connection: Connection, options: JetStreamBusOptions, copies: number) {
    this.#connection = connection;
    this.#options = options;
    this.#copies = copies;
    this.#publisher = new Publisher(connection, options.clock);
    this.maxMessageBytes = (connection.nc.info?.max_payload ?? 1024 * 1024) - 1024;
  }

  publish(subject: Subject, message: { readonly id: string; readonly data: Uint8Array }): Promise<PublishAck> {
    const { id, data } = message;
    return this.#tooLarge(data) ?? this.#publisher.publish(subject, id, data);
  }

  #tooLarge(data: Uint8Array): Promise<never> | undefined {
    const max = this.maxMessageBytes;
    if (data.byteLength <= max) return undefined;
    return Promise.reject(
      new EngineError("BUS_MESSAGE_TOO_LARGE", `the message has ${data.byteLength} bytes, the bus takes ${max}`),
    );
  }

  async *read(query: ReadQuery, signal: AbortSignal): AsyncIterable<ReadBatch> {
    const spec = streamOf(this.#options.streams, query.subjects[0]);
    yield* new StreamReader(this.#readerDeps(), spec, query).read(AbortSignal.any([signal, this.#stop.signal]));
  }

  #readerDeps() {
    return { connection: this.#connection, clock: this.#options.clock, log: this.#options.log };
  }

  async *share(...[durable, subject, options, signal]: Parameters<EventBus["share"]>): ReturnType<EventBus["share"]> {
    const { name } = streamOf(this.#options.streams, subject);
    const either = AbortSignal.any([signal, this.#stop.signal]);
    yield* shareStream(this.#readerDeps(), name, { durable, subject, options }, either);
  }

  async append(subject: Subject, data: Uint8Array, expected: number): Promise<number> {
    await this.#tooLarge(data);
    return (await this.#publisher.publish(subject, "", data, expected)).sequence;
  }

  async last(subject: Subject): Promise<StoredMessage | undefined> {
    const { name } = streamOf(this.#options.streams, subject);
    const found = await this.#run(`last of "${subject}"`, (jsm) =>
      jsm.streams.getMessage(name, { last_by_subj: subject }),
    );
    if (!found) return undefined;
    return { subject, sequence: found.seq, storedAt: found.time.getTime(), data: found.data };
  }

  async purge(subject: Subject, before: number): Promise<void> {
    const { name } = streamOf(this.#options.streams, subject);
    await this.#run(`purge "${subject}"`, (jsm) => jsm.streams.purge(name, { filter: subject, seq: before }));
  }

  async #run<T>(operation: string, work: (jsm: Connection["jsm"]) => Promise<T>): Promise<T> {
    try {
      return await work(this.#connection.jsm);
    } catch (error) {
      throw busError(operation, error);
    }
  }

  state(name: string, options: StateOptions = {}): StateStore {
    const { clock, log } = this.#options;
    return jetStreamState(this.#connection, name, { ...options, replicas: this.#copies, clock, log });
  }

  usage(): Promise<readonly StreamUsage[]> {
    const names = this.#options.streams.map(({ name }) => name);
    return this.#run("read what the streams hold", (jsm) => Promise.all(names.map((name) => readUsage(jsm, name))));
  }

  async end(stream: string): Promise<{ readonly epoch: string; readonly after: number }> {
    const { created, state } = await this.#run(`end of "${stream}"`, (jsm) => jsm.streams.info(stream));
    return { epoch: created, after: state.last_seq };
  }

  /** The server finds it for a consumer that starts there, which is not used. */
  async positionAt(stream: string, atMs: number): Promise<{ readonly epoch: string; readonly after: number }> {
    return this.#run(`position in "${stream}"`, async (jsm) => {
      const { created } = await jsm.streams.info(stream);
      const { name, delivered } = await jsm.consumers.add(stream, {
        ...(atMs > 0
          ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(atMs).toISOString() }
          : { deliver_policy: DeliverPolicy.All }),
        ack_policy: AckPolicy.None,
        inactive_threshold: 10 * 1e9,
        mem_storage: true,
      });
      await jsm.consumers.delete(stream, name);
      return { epoch: created, after: delivered.stream_seq };
    });
  }

  health(): BusHealth {
    return this.#connection.health();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher[Symbol.asyncDispose]();
    this.#stop.abort();
    await this.#connection[Symbol.asyncDispose]();
  }
}
