import { pushKinds } from "./source-pushes.ts";
import { sourceContract } from "./sources.ts";

for (const broker of pushKinds) sourceContract(broker);
