const oldestNode = 24;

/** Whoever reads our output may leave early (`| head -1`): what is left to print is dropped, the work goes on. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

if (Number(process.versions.node.split(".")[0]) < oldestNode) {
  process.stderr.write(`tiphys needs Node.js ${oldestNode} or newer; this is ${process.version}.\n`);
  process.exitCode = 2;
} else {
  try {
    const { createProgram, withPolicyObject } = await import("./program.ts");
    await createProgram().parseAsync(withPolicyObject(process.argv));
  } catch (error) {
    const { errorText, exitCodeOf } = await import("./exit.ts");
    process.stderr.write(errorText(error));
    process.exitCode = exitCodeOf(error);
  }
}
