import { once } from "node:events";
import { createConnection } from "node:net";
import { text } from "node:stream/consumers";

/**
 * Publishes a message whose headers are `headers` as they are, lines that end with CR LF: a server looks at none of them,
 * and clients write what HTTP does not know. Without login.
 */
export async function publishRaw(url: string, subject: string, headers: string, body = ""): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = createConnection(Number(port), hostname);
  await once(socket, "connect");
  const answers = text(socket);
  const head = Buffer.from(`${headers}\r\n`);
  socket.write('CONNECT {"verbose":false,"headers":true}\r\n');
  socket.write(`HPUB ${subject} ${head.length} ${head.length + Buffer.byteLength(body)}\r\n`);
  socket.write(head);
  socket.end(`${body}\r\nPING\r\n`);
  const said = await answers;
  if (!said.includes("PONG") || said.includes("-ERR")) throw new Error(`nats-server: ${said.slice(-200)}`);
}

/** Of a status that only a server says, of a name that Go takes, without a name, and more than are read, but not more than a stream takes. */
export const oddHeaders = [
  "NATS/1.0 409 Consumer Deleted\r\n",
  "NATS/1.0\r\nmy key: 1\r\n",
  "NATS/1.0\r\n: 1\r\n\ud83d\ude00:\n\r\n",
  `NATS/1.0\r\n${Array.from({ length: 6_000 }, (_, n) => `${n}:\r\n`).join("")}`,
];
