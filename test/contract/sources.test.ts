import { brokerKinds } from "./source-brokers.ts";
import { sourceContract } from "./sources.ts";

for (const broker of brokerKinds) sourceContract(broker);
