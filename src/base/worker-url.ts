/**
 * Where the worker `name` lies: beside the module that asks, as TypeScript in a checkout and as JavaScript in the bundle
 * (where all workers lie beside the bundle). `from` is the caller's `import.meta.url`.
 */
export function workerUrl(from: string, name: string): URL {
  return new URL(from.endsWith(".ts") ? `./${name}.ts` : `./${name}.js`, from);
}
