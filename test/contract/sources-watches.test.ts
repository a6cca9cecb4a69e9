import { describe } from "node:test";
import { failOnLeaks } from "../harness/leaks.ts";
import { watchKinds } from "./source-watches.ts";
import { sourceContract } from "./sources.ts";

failOnLeaks();

// Two at a time: they wait for their servers more than they do.
describe("watches", { concurrency: 2 }, () => {
  for (const kind of watchKinds) sourceContract(kind);
});
