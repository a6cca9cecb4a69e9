import { failOnLeakedChildren } from "../harness/leaks.ts";
import { shortForm } from "./short.ts";

failOnLeakedChildren();
shortForm("diskEmbedded", 5);
shortForm("diskNats", 5);
