import { failOnLeakedChildren } from "../harness/leaks.ts";
import { shortForm } from "./short.ts";

failOnLeakedChildren();
shortForm("cluster", 8);
