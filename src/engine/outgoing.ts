import { EngineError } from "../base/errors.ts";
import type { OutgoingFetch } from "../events/sources/source.ts";
import { createOutgoingAgent, type OutgoingAgent, toHttpError } from "../events/triggers/outgoing.ts";

const timeoutMs = 30_000;
const maxAnswerBytes = 8 * 1024 * 1024;

/** How sources ask the APIs of services: connections are kept, and addresses are looked at after they are resolved. */
export function createOutgoingFetch(
  ways: Parameters<typeof createOutgoingAgent>[0],
  stack: AsyncDisposableStack,
): OutgoingFetch {
  let shared: Promise<OutgoingAgent> | undefined;
  // Now: once the engine runs, its stack takes no more.
  stack.defer(async () => (await shared)?.close());
  return async (request, signal) => {
    shared ??= createOutgoingAgent(ways);
    const agent = request.tls ? await createOutgoingAgent(ways, request.tls) : await shared;
    try {
      return await send(agent, request, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    } finally {
      if (request.tls) await agent.close();
    }
  };
}

async function send(
  agent: OutgoingAgent,
  { method, url, headers, body }: Parameters<OutgoingFetch>[0],
  signal: AbortSignal,
): ReturnType<OutgoingFetch> {
  const { origin, pathname, search } = new URL(url);
  try {
    const response = await agent.request({
      origin,
      path: pathname + search,
      method: method as "GET",
      headers: { ...headers },
      body: body ?? null,
      signal,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxAnswerBytes) throw new EngineError("HTTP_FAILED", `more than ${maxAnswerBytes} bytes of answer`);
      chunks.push(chunk);
    }
    const fields = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
    return { status: response.statusCode, headers: Object.fromEntries(fields), text: Buffer.concat(chunks).toString() };
  } catch (error) {
    throw toHttpError(error, `${method} ${origin}${pathname}`);
  }
}
