import type { HttpRoute } from "./source.ts";

export interface Owner {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** RFC 3339. The older object keeps a path that two want. */
  readonly createdAt: string;
}

export interface RouteClaim {
  readonly owner: Owner;
  readonly event: string;
  readonly route: HttpRoute;
  /** Requests under way, and whom to tell when there is none. */
  readonly active: { inFlight: number; idle: (() => void) | undefined };
  readonly onWarning: (message: string | undefined) => void;
}

/** The paths of one listener. A path that several claim belongs to the oldest; the others are told. */
export interface Routes {
  readonly size: number;
  find(path: string): RouteClaim | undefined;
  /** Returns the way to give it up. */
  claim(path: string, claim: RouteClaim): () => void;
}

export function createRoutes(): Routes {
  const holders = new Map<string, RouteClaim>();
  const waiting = new Map<string, readonly RouteClaim[]>();

  function settle(path: string, claims: readonly RouteClaim[]): void {
    const [holder, ...others] = claims.toSorted(byAge);
    if (!holder) {
      holders.delete(path);
      waiting.delete(path);
      return;
    }
    if (holders.get(path) !== holder) holder.onWarning(undefined);
    holders.set(path, holder);
    waiting.set(path, others);
    for (const claim of others) claim.onWarning(takenMessage(path, holder));
  }

  const claimsOf = (path: string): readonly RouteClaim[] => {
    const holder = holders.get(path);
    return holder ? [holder, ...(waiting.get(path) ?? [])] : [];
  };

  return {
    get size() {
      return holders.size;
    },
    find: (path) => holders.get(path) ?? holders.get(decodePath(path)) ?? holders.get(canonicalPath(path)),
    claim(path, claim) {
      settle(path, [...claimsOf(path), claim]);
      return () => {
        settle(
          path,
          claimsOf(path).filter((other) => other !== claim),
        );
      };
    },
  };
}

function takenMessage(path: string, { owner, event, route }: RouteClaim): string {
  const port = route.port === undefined ? "" : ` of port ${route.port}`;
  return `path ${path}${port} belongs to the older EventSource ${owner.namespace}/${owner.name} (event ${event}); this event works at its ingress URL`;
}

function byAge(a: RouteClaim, b: RouteClaim): number {
  const ageA = Date.parse(a.owner.createdAt) || 0;
  const ageB = Date.parse(b.owner.createdAt) || 0;
  return ageA - ageB || compare(a.owner.uid, b.owner.uid) || compare(a.event, b.event);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `/a%20b` → `/a b`: an endpoint may be written either way. */
function decodePath(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a broken escape: no route has it
  }
}

/** `/webhooks/%64efault/…` → `/webhooks/default/…`: segments as `pathOf` writes them. */
function canonicalPath(path: string): string {
  return path
    .split("/")
    .map((segment) => encodeURIComponent(decodePath(segment)))
    .join("/");
}
