import type { OutgoingFetch } from "../../../src/events/sources/source.ts";

/** As the engine's, to wherever it is asked. */
export const directFetch: OutgoingFetch = async ({ method, url, headers, body }, signal) => {
  const init = { method, headers: { ...headers }, signal, ...(body === undefined ? {} : { body }) };
  const answer = await fetch(url, init);
  return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
};
