import { queueKinds } from "./source-queues.ts";
import { sourceContract } from "./sources.ts";

for (const broker of queueKinds) sourceContract(broker);
