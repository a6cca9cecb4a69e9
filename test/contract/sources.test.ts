import { describe } from "node:test";
import { failOnLeaks } from "../harness/leaks.ts";
import { brokerKinds } from "./source-brokers.ts";
import { sourceContract } from "./sources.ts";

failOnLeaks();

// Two at a time: they wait for their servers more than they do.
describe("brokers", { concurrency: 2 }, () => {
  for (const broker of brokerKinds) sourceContract(broker);
});
