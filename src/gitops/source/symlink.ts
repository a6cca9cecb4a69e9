/** Links followed at most on the way to one target; more is a loop, which leads nowhere. */
const maxHops = 40;

/**
 * Whether a link leads out of the tree, followed part by part as the system does: a path through another link may leave
 * although its text looks harmless. `links`: path → target of all links of the tree; paths have no `.` or `..`.
 */
export function leavesTree(path: string, links: ReadonlyMap<string, string>): boolean {
  const at = path.split("/").slice(0, -1);
  const pending = partsOf(links.get(path) ?? "");
  if (pending === undefined) return true;
  for (let hops = 0; hops <= maxHops; ) {
    const part = pending.pop();
    if (part === undefined) return false;
    const target = links.get([...at, part].join("/"));
    if (target !== undefined) hops += 1;
    const more = target === undefined ? [] : partsOf(target);
    if (more === undefined || (part === ".." && at.length === 0)) return true;
    pending.push(...more);
    if (target === undefined) step(at, part);
  }
  return false;
}

function step(at: string[], part: string): void {
  if (part === "..") at.pop();
  else if (part !== "" && part !== ".") at.push(part);
}

/** In reverse; undefined for an absolute target. */
function partsOf(target: string): string[] | undefined {
  return target.startsWith("/") ? undefined : target.split("/").reverse();
}
