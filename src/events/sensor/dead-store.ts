import type { Clock } from "../../base/clock.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import { rawSubject, type Subject, subjectOf } from "../../record/subject.ts";
import type { EventBus, StoredMessage } from "../bus/bus.ts";
import type { DeadLetter, RedriveMark } from "./dead-letters.ts";

const stream = "dead";
/** How long a question may take. */
const questionMs = 20_000;
/** Letters that a list looks at: of more, the oldest are left out. */
const maxOpen = 50_000;

/** A letter with its place in the stream `dead`, which is its name: `17`. */
export interface StoredLetter {
  readonly id: number;
  readonly letter: DeadLetter;
}

/** A letter as lists show it: without the data of its events. */
export interface DeadSummary extends Omit<DeadLetter, "v" | "attempts" | "events" | "batch"> {
  readonly id: number;
  readonly failed: number;
  /** Ids, by dependency. */
  readonly events: Readonly<Record<string, string>>;
}

export interface DeadQuery {
  readonly namespace?: string;
  /** Of one Sensor; needs the namespace. */
  readonly sensor?: string;
  /** Of one trigger. */
  readonly trigger?: string;
  /** Ids beyond this only. */
  readonly after?: number;
}

export interface DeadList {
  /** Oldest first: those that are still dead. */
  readonly letters: readonly DeadSummary[];
  /** There were more than anybody can look at; the oldest are left out. */
  readonly isCut: boolean;
}

/** Reads the stream `dead`: a letter is dead until it was redriven or a newer one has its key. */
export interface DeadStore {
  /** @throws EngineError BUS_UNAVAILABLE */
  list(query: DeadQuery): Promise<DeadList>;
  /** Undefined: there is none of that name, or it is dead no more. @throws EngineError BUS_UNAVAILABLE */
  find(id: number): Promise<StoredLetter | undefined>;
  /** Says that it was redriven; the same again is the same. @throws EngineError BUS_UNAVAILABLE */
  mark(stored: StoredLetter): Promise<void>;
}

export function createDeadStore(bus: EventBus, clock: Clock): DeadStore {
  return {
    async list({ namespace = "*", sensor = "*", trigger, after = 0 }) {
      const tokens = [namespace, sensor].map((name) => (name === "*" ? name : subjectOf(name)));
      const open = new Map<string, DeadSummary>();
      let isCut = false;
      for await (const { message, content } of readAll(bus, rawSubject([stream, ...tokens, "*"].join(".")), after)) {
        take(open, message.sequence, content);
        if (open.size <= maxOpen) continue;
        for (const oldest of open.keys()) {
          open.delete(oldest);
          break;
        }
        isCut = true;
      }
      const letters = [...open.values()].filter((one) => trigger === undefined || one.trigger === trigger);
      return { letters: letters.sort((a, b) => a.id - b.id), isCut };
    },
    async find(id) {
      const first = await readOne(bus, id);
      if (!first || isMark(first.content)) return undefined;
      const { key } = first.content;
      for await (const { content } of readAll(bus, first.message.subject, id)) {
        if (content.key === key && (!isMark(content) || content.letter >= id)) return undefined;
      }
      return { id, letter: first.content };
    },
    async mark({ id, letter }) {
      const mark: RedriveMark = { v: 1, kind: "redriven", at: clock.now(), key: letter.key, letter: id };
      const data = Buffer.from(JSON.stringify(mark), "utf8");
      await bus.publish(deadSubject(letter), { id: `redriven/${id}/${letter.key}`, data });
    },
  };
}

/** Where a letter and what is said about it stand. */
export function deadSubject({ sensor, trigger, dependency }: DeadLetter): Subject {
  return subjectOf(stream, sensor.namespace, sensor.name, trigger ?? `dependency ${dependency}`);
}

type Content = DeadLetter | RedriveMark;

function isMark(content: Content): content is RedriveMark {
  return "kind" in content;
}

function take(open: Map<string, DeadSummary>, id: number, content: Content): void {
  const known = open.get(content.key);
  if (!isMark(content)) {
    open.delete(content.key); // to the end: newest last
    open.set(content.key, summaryOf(id, content));
  } else if (known && known.id <= content.letter) open.delete(content.key);
}

export function summaryOf(id: number, letter: DeadLetter): DeadSummary {
  const { v: _, attempts, events, batch: __, failed = attempts.length, ...rest } = letter;
  const ids = Object.fromEntries(Object.entries(events).map(([dependency, { head }]) => [dependency, head.id]));
  return { id, ...rest, failed, events: ids };
}

interface Read {
  readonly message: StoredMessage;
  readonly content: Content;
}

/** What is stored on these subjects beyond `after`, up to the end as it is now. */
async function* readAll(bus: EventBus, subject: Subject, after: number): AsyncGenerator<Read> {
  const signal = AbortSignal.timeout(questionMs);
  const { epoch } = await bus.end(stream);
  for await (const { messages } of bus.read({ subjects: [subject], from: { epoch, after }, follow: false }, signal)) {
    for (const message of messages) {
      const content = parseContent(message);
      if (content) yield { message, content };
    }
  }
  if (signal.aborted) throw new EngineError("BUS_UNAVAILABLE", `dead letters were not read within ${questionMs} ms`);
}

async function readOne(bus: EventBus, id: number): Promise<Read | undefined> {
  const signal = AbortSignal.timeout(questionMs);
  const { epoch } = await bus.end(stream);
  const query = { subjects: [rawSubject(`${stream}.>`)], from: { epoch, after: id - 1 }, follow: false, maxBatch: 1 };
  for await (const { messages } of bus.read(query, signal)) {
    const [message] = messages;
    if (!message) continue;
    const content = message.sequence === id ? parseContent(message) : undefined;
    return content && { message, content };
  }
  if (signal.aborted)
    throw new EngineError("BUS_UNAVAILABLE", `dead letter ${id} was not read within ${questionMs} ms`);
  return undefined;
}

/** Undefined for what is no letter: somebody else wrote it. @throws EngineError RECORD_TOO_NEW */
function parseContent({ data, sequence }: StoredMessage): Content | undefined {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(data).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw new EngineError("STORE_FAILED", `dead letter ${sequence} cannot be read: ${messageOf(error)}`, error);
  }
  if (!isJsonObject(content) || typeof content.v !== "number" || typeof content.key !== "string") return undefined;
  if (content.v > 1) {
    throw new EngineError("RECORD_TOO_NEW", `dead letter ${sequence} has version ${content.v}; this program reads 1`);
  }
  return content as unknown as Content;
}
