import { type FunctionTable, fn, reads, text } from "../function.ts";

/** Go's package path; `osBase` and its like are the same on Linux. */

function clean(path: string): string {
  if (path === "") return ".";
  const isRooted = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isRooted) parts.push(part);
  }
  return (isRooted ? "/" : "") + parts.join("/") || ".";
}

function base(path: string): string {
  if (path === "") return ".";
  const end = withoutSlashes(path);
  return end === "" ? "/" : end.slice(end.lastIndexOf("/") + 1);
}

function withoutSlashes(path: string): string {
  let { length } = path;
  while (length > 0 && path[length - 1] === "/") length--;
  return path.slice(0, length);
}

function dir(path: string): string {
  return clean(path.slice(0, path.lastIndexOf("/") + 1));
}

/** From the last dot of the last part on, even if that is all of it. */
function ext(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot);
}

function ofPath(make: (path: string) => string | boolean) {
  return fn([text], (path, work) => {
    reads(work, path);
    return make(path);
  });
}

const isAbs = ofPath((path) => path.startsWith("/"));

export const pathFunctions: FunctionTable = {
  base: ofPath(base),
  dir: ofPath(dir),
  clean: ofPath(clean),
  ext: ofPath(ext),
  isAbs,
  osBase: ofPath(base),
  osDir: ofPath(dir),
  osClean: ofPath(clean),
  osExt: ofPath(ext),
  osIsAbs: isAbs,
};
