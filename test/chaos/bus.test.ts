import { failOnLeakedChildren } from "../harness/leaks.ts";
import { shortForm } from "./short.ts";

failOnLeakedChildren();
shortForm("publisher", 3);
shortForm("server", 5);
shortForm("moved", 5);
