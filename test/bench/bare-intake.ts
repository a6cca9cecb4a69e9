import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { buffer } from "node:stream/consumers";
import { connect, type NatsConnection } from "@nats-io/transport-node";

// The limit of the flow: a bare node:http handler that keeps each body, in a process of its own.
//   node bare-intake.ts nats URL | sqlite FILE
// Prints its URL; a line on standard input ends it.

type Keep = (body: Uint8Array) => Promise<void>;

const [kind = "", target = ""] = process.argv.slice(2);
const keep = kind === "nats" ? publisherOf(await connect({ servers: target })) : groupCommitTo(target);
const server = createServer((request, response) => {
  void buffer(request)
    .then(keep)
    .then(() => response.end("success"))
    .catch(() => response.writeHead(500).end());
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const address = server.address();
if (address === null || typeof address === "string") throw new Error("no port");
console.log(`http://127.0.0.1:${address.port}`);
createInterface({ input: process.stdin })
  .once("line", () => process.exit(0))
  .once("close", () => process.exit(0));

/** One inbox for all acknowledgements, counted by sequence: several times faster than a request for each message. */
function publisherOf(client: NatsConnection): Keep {
  const waiting = new Map<string, () => void>();
  const inbox = `_INBOX.bare.${process.pid}`;
  client.subscribe(`${inbox}.*`, {
    callback: (_error, message) => {
      waiting.get(message.subject)?.();
      waiting.delete(message.subject);
    },
  });
  let sequence = 0;
  return (body) =>
    new Promise((resolve) => {
      const reply = `${inbox}.${++sequence}`;
      waiting.set(reply, resolve);
      client.publish("bare.push", body, { reply });
    });
}

/** The next transaction is what is waiting when the last one ends. */
function groupCommitTo(file: string): Keep {
  const db = new DatabaseSync(file);
  db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE bare(seq INTEGER PRIMARY KEY, body BLOB)");
  const insert = db.prepare("INSERT INTO bare(body) VALUES (?)");
  let waiting: { readonly body: Uint8Array; readonly done: () => void }[] = [];
  const commit = (): void => {
    const batch = waiting;
    waiting = [];
    db.exec("BEGIN");
    for (const { body } of batch) insert.run(body);
    db.exec("COMMIT");
    for (const { done } of batch) done();
  };
  return (body) =>
    new Promise((done) => {
      if (waiting.push({ body, done }) === 1) setImmediate(commit);
    });
}
