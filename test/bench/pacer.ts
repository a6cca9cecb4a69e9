import { type Dispatcher, Pool } from "undici";
import { processorWaitMs } from "./processor-wait.ts";

// An open-loop load in a process of its own: requests leave when they are due, whatever became of those before, and
// their time counts from then on, so that a server that stops for a moment is charged for all that had to wait.
//   node pacer.ts URL RATE SECONDS HEADERS BODY
// Before what counts comes a while at the same rate: connecting, and a client that is not compiled yet, held up the
// first hundredth of all requests, which was the p99. Undici's `dispatch` costs half of its `request`.
// Prints {"sent", "failed", "p50", "p99", "ownP99", "waited"}, times in milliseconds; of them `ownP99` is how late requests
// left, and `waited` for how long this process waited for a processor, all together.

const warmUpSeconds = 3;
const [url = "", rateText = "", secondsText = "", headers = "{}", body = ""] = process.argv.slice(2);
const rate = Number(rateText);
const uncounted = Math.round(rate * warmUpSeconds);
const amount = uncounted + Math.round(rate * Number(secondsText));
const { origin, pathname } = new URL(url);
const pool = new Pool(origin, { connections: 256, pipelining: 1 });
const all = { "content-type": "application/json", ...(JSON.parse(headers) as Record<string, string>) };
const options: Dispatcher.DispatchOptions = { path: pathname, method: "POST", headers: all, body };
const latencies: number[] = [];
const lateness: number[] = [];
let failed = 0;
let answered = 0;
const end = Promise.withResolvers<void>();

function send(dueAt: number, isCounted: boolean): void {
  if (isCounted) lateness.push(performance.now() - dueAt);
  let status = 0;
  const settle = (): void => {
    if (status !== 200) failed++;
    else if (isCounted) latencies.push(performance.now() - dueAt);
    if (++answered === amount) end.resolve();
  };
  pool.dispatch(options, {
    onRequestStart: () => undefined,
    onResponseStart(_controller, code) {
      status = code;
    },
    onResponseData: () => undefined,
    onResponseEnd: settle,
    onResponseError() {
      status = 0;
      settle();
    },
  });
}

const waitedBefore = processorWaitMs();
const started = performance.now();
for (let sent = 0; sent < amount; ) {
  const due = Math.min(amount, Math.floor(((performance.now() - started) / 1_000) * rate) + 1);
  for (; sent < due; sent++) send(started + (sent / rate) * 1_000, sent >= uncounted);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await end.promise;
await pool.close();

function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN;
}
const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
const waited = processorWaitMs() - waitedBefore;
console.log(JSON.stringify({ sent: amount, failed, p50, p99, ownP99: quantile(lateness, 0.99), waited }));
