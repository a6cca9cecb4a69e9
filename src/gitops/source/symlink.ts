/** Links followed at most on the way to one target; more is a loop, which leads nowhere. */
const maxHops = 40;
/** No system follows a longer one. */
export const maxTargetLength = 4_096;
/** Characters of paths that are looked at for all links of a tree; real ones have a thousandth of it. */
const maxWork = 40_000_000;

/**
 * Says whether a link leads out of the tree, followed part by part as the system does: a path through another link may leave
 * although its text looks harmless. Too long targets do, and all once it takes too much to tell: there may be 50,000 links of
 * 4,000 characters each. `links`: path → target of all links of the tree; paths have no `.` or `..`.
 */
export function createLinkCheck(links: ReadonlyMap<string, string>): (path: string) => boolean {
  const budget = { left: maxWork };
  return (path) => leavesTree(path, links, budget);
}

function leavesTree(path: string, links: ReadonlyMap<string, string>, budget: { left: number }): boolean {
  if (budget.left < 0) return true; // not even their parts are told apart
  const pending: string[] = [];
  if (!pushParts(links.get(path) ?? "", pending)) return true;
  let at = parentOf(path);
  let hops = 0;
  for (let part = pending.pop(); part !== undefined && hops <= maxHops; part = pending.pop()) {
    const place = below(at, part);
    budget.left -= place.length;
    const target = links.get(place);
    const isAbove = target === undefined && part === ".." && at === "";
    if (isAbove || budget.left < 0) return true;
    if (target !== undefined && !pushParts(target, pending)) return true;
    if (target === undefined) at = stepped(at, part);
    else hops += 1;
  }
  return false;
}

function stepped(at: string, part: string): string {
  if (part === "..") return parentOf(at);
  return part === "" || part === "." ? at : below(at, part);
}

function below(at: string, part: string): string {
  return at === "" ? part : `${at}/${part}`;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

/** What is gone through next comes last. False: the target is absolute, or too long. */
function pushParts(target: string, pending: string[]): boolean {
  if (target.startsWith("/") || target.length > maxTargetLength) return false;
  pending.push(...target.split("/").reverse());
  return true;
}
