import { Pool } from "undici";

// An open-loop load in a process of its own: requests leave when they are due, whatever became of those before, and
// their time counts from then on, so that a server that stops for a moment is charged for all that had to wait.
//   node pacer.ts URL RATE SECONDS HEADERS BODY
// Prints {"sent", "failed", "p50", "p99"}, times in milliseconds.

const [url = "", rateText = "", secondsText = "", headers = "{}", body = ""] = process.argv.slice(2);
const rate = Number(rateText);
const amount = Math.round(rate * Number(secondsText));
const { origin, pathname } = new URL(url);
const pool = new Pool(origin, { connections: 256, pipelining: 1 });
const all = { "content-type": "application/json", ...(JSON.parse(headers) as Record<string, string>) };
const latencies: number[] = [];
let failed = 0;

async function send(dueAt: number): Promise<void> {
  try {
    const response = await pool.request({ path: pathname, method: "POST", headers: all, body });
    await response.body.dump();
    if (response.statusCode === 200) latencies.push(performance.now() - dueAt);
    else failed++;
  } catch {
    failed++;
  }
}

const started = performance.now();
const open: Promise<void>[] = [];
while (open.length < amount) {
  const due = Math.min(amount, Math.floor(((performance.now() - started) / 1_000) * rate) + 1);
  while (open.length < due) open.push(send(started + (open.length / rate) * 1_000));
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await Promise.all(open);
await pool.close();
latencies.sort((a, b) => a - b);
const quantile = (part: number): number => latencies[Math.floor(latencies.length * part)] ?? Number.NaN;
console.log(JSON.stringify({ sent: amount, failed, p50: quantile(0.5), p99: quantile(0.99) }));
