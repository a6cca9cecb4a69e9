import { Command } from "commander";
import { upCommand } from "./up.ts";
await new Command("tiphys").option("--data-dir <dir>", "x", ".tiphys").addCommand(upCommand()).parseAsync();
