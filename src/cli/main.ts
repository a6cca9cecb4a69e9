import { messageOf, remedyOf } from "../base/errors.ts";

const oldestNode = 24;

if (Number(process.versions.node.split(".")[0]) < oldestNode) {
  process.stderr.write(`tiphys needs Node.js ${oldestNode} or newer; this is ${process.version}.\n`);
  process.exitCode = 2;
} else {
  try {
    const { createProgram } = await import("./program.ts");
    await createProgram().parseAsync();
  } catch (error) {
    const { exitCodeOf } = await import("./exit.ts");
    process.stderr.write(`error: ${messageOf(error)}\n`);
    const remedy = remedyOf(error);
    if (remedy !== undefined) process.stderr.write(`${remedy}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
