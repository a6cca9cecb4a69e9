import type { JsonObject } from "../../src/base/json.ts";
import type { AnySourceKind } from "../../src/events/sources/registry.ts";
import type { SourceContext } from "../../src/events/sources/source.ts";
import type { ServerProcess } from "../harness/server-process.ts";

/** A broker that runs, and how messages get into it. */
export interface SourcePlace extends AsyncDisposable {
  readonly server: Pick<ServerProcess, "kill" | "start"> & { readonly pid?: number };
  readonly spec: JsonObject;
  readonly secrets: Record<string, string>;
  /** Ends the connections that there are; the next ones are taken. */
  readonly cut?: () => void;
  /** Of a spec that can be refused: the secret that is wrong then, and what it is instead (default: "wrong"). */
  readonly password: string;
  readonly wrong?: string;
  /** In place of a password: from now on it is refused, until what is returned is called. */
  readonly refuse?: () => Promise<() => Promise<void>>;
  /** Of what the engine gives to sources. */
  readonly parts?: Partial<Pick<SourceContext, "fileRoot" | "kube" | "clock">>;
  /** What each message has as its header of that name. */
  readonly traceparent?: string;
  /** Resolves once the broker has them for good; `{"n":1}` and so on. */
  publish(from: number, count: number): Promise<void>;
  /** The same for any bodies, where messages have some. */
  readonly send?: (bodies: readonly string[]) => Promise<void>;
  /** Another secret counts from now on. Absent: the kind has none. */
  readonly rotate?: () => Promise<Rotation>;
  /** Of an upstream that is asked for messages: it forgets what it has given out and heard nothing of. */
  readonly forget?: () => Promise<void> | void;
  /** The data of the first message, but for `body` and what the broker itself makes up. */
  readonly shape: JsonObject;
  /** Whose values are only looked at for their form. */
  readonly made: Readonly<Record<string, RegExp>>;
}

/** The secrets as they are now; `end` ends what the old ones began, where they are not asked for at each request. */
export interface Rotation {
  readonly secrets: Readonly<Record<string, string>>;
  readonly end?: () => Promise<void> | void;
}

export interface BrokerKind {
  readonly name: string;
  readonly skip: string | false;
  readonly kind: AnySourceKind;
  /** Not undefined: the upstream pushes and keeps nothing, so that what it sends while nobody listens is gone. */
  readonly keepsNothing?: string;
  /** Not undefined: what a server that is killed loses of what it had sent and not heard of. */
  readonly losesAtKill?: string;
  /** Not undefined: how long a server waits that was told nothing of a message, though the connection has ended. */
  readonly givesBackLate?: string;
  /** Not undefined: why the new secret is there before the old one is refused, which otherwise is the other way round. */
  readonly rotatesFirst?: string;
  /** Not undefined: why it finds out that it is refused only once the bus takes what it has. */
  readonly noticesLate?: string;
  /** Not undefined: why nobody can be refused. */
  readonly hasNoLogin?: string;
  /** Not undefined: why the server cannot be started again with what it had. */
  readonly cannotRestart?: string;
  /** Not undefined: why messages may come in another order than they were sent. */
  readonly hasNoOrder?: string;
  /** Not undefined: why it is not looked at how soon a server that hangs is told. */
  readonly tellsLate?: string;
  /** How a body is in the data: `body.n`, unless the kind has no body. */
  readonly numberOf: (data: JsonObject) => number;
  /** Not undefined: a message has no id of its own, so that one that comes again is another event. */
  readonly hasNoIds?: string;
  /** How long a body may be. Default 1,000,000, close to what a bus takes. */
  readonly maxBody?: number;
  /** Not undefined: why no message is refused for its form. */
  readonly takesAll?: string;
  /** Of another server, for the row of many messages: the first one is too slow. */
  readonly many?: Pick<BrokerKind, "skip" | "place">;
  readonly place: () => Promise<SourcePlace>;
}

export const password = { name: "s", key: "password" };
export const user = { name: "s", key: "user" };
export const bodyNumber = ({ body }: JsonObject): number => Number((body as JsonObject).n);

const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, index) => from + index);

/** A place whose messages are bodies. */
export function sending(send: (bodies: readonly string[]) => Promise<void>): Pick<SourcePlace, "publish" | "send"> {
  return { send, publish: (from, count) => send(numbers(from, count).map((n) => JSON.stringify({ n }))) };
}

/** The number in a body, or nothing of it. */
export const numberText = (body: string): string => /"n":"?(-?\d+)/.exec(body)?.[1] ?? "";

/** Some at once, in order. */
export async function inBatches<Item>(
  items: readonly Item[],
  publish: (item: Item, index: number) => Promise<unknown>,
): Promise<void> {
  for (let first = 0; first < items.length; first += 200) {
    await Promise.all(items.slice(first, first + 200).map((item, index) => publish(item, first + index)));
  }
}

export const numbered = (from: number, count: number, publish: (n: number) => Promise<unknown>): Promise<void> =>
  inBatches(numbers(from, count), publish);
