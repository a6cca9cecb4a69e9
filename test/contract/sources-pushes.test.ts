import { describe } from "node:test";
import { failOnLeaks } from "../harness/leaks.ts";
import { pushKinds } from "./source-pushes.ts";
import { sourceContract } from "./sources.ts";

failOnLeaks();

// Two at a time: they wait for their servers more than they do.
describe("pushes", { concurrency: 2 }, () => {
  for (const kind of pushKinds) sourceContract(kind);
});
