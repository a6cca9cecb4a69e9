import { createReadStream } from "node:fs";

/** Far above any kubeconfig, certificate or token. */
const maxBytes = 4 * 1024 * 1024;

/** A file of text, of a bounded size. Rejects with an error whose message holds the path and nothing of the content. */
export async function readSmallFile(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`"${path}" has more than the ${maxBytes} bytes allowed`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString("utf8");
}

/** Why a file could not be read, for people. */
export function readProblem(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return `"${path}" does not exist`;
  if (code === "EACCES" || code === "EPERM") return `"${path}" may not be read`;
  if (code === "EISDIR") return `"${path}" is a directory`;
  return error instanceof Error ? error.message : String(error);
}
