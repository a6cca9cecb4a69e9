// A source of one's own: an event whenever a page says something else.
//   npx tiphys up examples/custom-source --adapter page=examples/custom-source/page.js
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

export const source = {
  schema: {
    type: "object",
    required: ["url"],
    properties: {
      url: { type: "string", description: "The page." },
      everySeconds: { type: "number", minimum: 0.1, default: 60, description: "How often it is looked at." },
    },
  },
  async run({ url, everySeconds }, context, signal) {
    const known = await context.state.get("digest"); // kept over restarts
    let digest = known && Buffer.from(known.value).toString();
    for (; !signal.aborted; await sleep(everySeconds * 1000, undefined, { signal })) {
      const { status, text } = await context.fetch({ method: "GET", url }, signal);
      if (status !== 200) throw new Error(`${url} answered ${status}`); // tried again, with back-off and a condition
      context.ready();
      const now = createHash("sha256").update(text).digest("hex");
      if (now === digest) continue;
      await context.emit({ id: `${url}#${now}`, data: { url, text, digest: now } }); // once it is kept …
      await context.state.put("digest", Buffer.from(now)); // … it is never told again
      digest = now;
    }
  },
};
