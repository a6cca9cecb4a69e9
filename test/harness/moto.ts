import { freePort } from "./free-port.ts";
import { accepts, findProgram, missing, type ServerProcess, startServer } from "./server-process.ts";

/** moto, the maintained stand-in of AWS (Python: `pip install "moto[server]"`). It takes any signature. */
export interface Moto extends ServerProcess {
  readonly url: string;
}

const program = findProgram("moto_server");

export const motoMissing = missing("moto_server", program !== undefined);

export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const server = await startServer({
    name: "moto_server",
    command: program ?? "moto_server",
    args: ["-H", "127.0.0.1", "-p", String(port)],
    isReady: () => accepts(port),
    deadlineMs: 60_000,
  });
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export async function createQueue(url: string, QueueName: string): Promise<void> {
  await ask(url, "CreateQueue", { QueueName });
}

/** In batches of ten, as SQS has them. */
export async function sendToQueue(url: string, QueueName: string, bodies: readonly string[]): Promise<void> {
  const { QueueUrl } = await ask(url, "GetQueueUrl", { QueueName });
  for (let first = 0; first < bodies.length; first += 10) {
    const Entries = bodies.slice(first, first + 10).map((MessageBody, index) => ({ Id: String(index), MessageBody }));
    await ask(url, "SendMessageBatch", { QueueUrl, Entries });
  }
}

async function ask(url: string, action: string, body: object): Promise<Record<string, unknown>> {
  const headers = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": `AmazonSQS.${action}`,
    authorization: "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
  };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${action}: ${text}`);
  return text === "" ? {} : JSON.parse(text);
}
