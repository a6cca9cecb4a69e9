import { watchKinds } from "./source-watches.ts";
import { sourceContract } from "./sources.ts";

for (const broker of watchKinds) sourceContract(broker);
