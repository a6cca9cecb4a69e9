import { Command } from "commander";
import { systemClock } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import { globalFlags } from "../engine-client.ts";
import { print } from "../output.ts";
import { junitText, reportOf, reportText } from "../sensor/test-report.ts";
import { runScriptTests } from "./run-tests.ts";
import { openScriptTree } from "./script-folder.ts";

/** `tiphys health test DIR`: users' scripts of health and actions over their test data; needs no engine. */
export function testCommand(): Command {
  return new Command("test")
    .description(
      "Run tests of Lua scripts in Argo CD's layout: <group>/<Kind>/health.lua with health_test.yaml,\n" +
        "actions/discovery.lua and actions/<name>/action.lua with actions/action_test.yaml; `_` in a folder's name is a wildcard.\n" +
        "Exit code: 0 all passed, 1 some failed, 2 there are none or the folder cannot be read.",
    )
    .argument("[dir]", "the folder (default: this one)", ".")
    .action(async (dir: string, _flags: object, self: Command) => {
      const tree = await openScriptTree(dir);
      const cases = await runScriptTests(tree, systemClock.now());
      if (cases.length === 0)
        throw new EngineError("MANIFEST_UNREADABLE", `"${dir}" holds no health_test.yaml and no action_test.yaml`);
      const report = reportOf(cases);
      print(globalFlags(self), report, {
        text: (all) => reportText(all, false),
        wide: (all) => reportText(all, true),
        name: (all) => all.cases.map(({ file, name }) => `${file} ${name}`).join("\n"),
        junit: junitText,
      });
      process.exitCode = report.failed > 0 ? 1 : 0;
    });
}
