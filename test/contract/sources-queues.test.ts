import { describe } from "node:test";
import { failOnLeaks } from "../harness/leaks.ts";
import { queueKinds } from "./source-queues.ts";
import { sourceContract } from "./sources.ts";

failOnLeaks();

// Two at a time: they wait for their servers more than they do.
describe("queues", { concurrency: 2 }, () => {
  for (const kind of queueKinds) sourceContract(kind);
});
