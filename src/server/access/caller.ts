import type { Request } from "express";
import { EngineError } from "../../base/errors.ts";

/** Who asks, and what they may do. */
export interface Caller {
  /** As records name them. */
  readonly name: string;
  /** Has the token of the data directory: may do everything. */
  readonly isRoot: boolean;
  /** Absent: nobody is logged in. */
  readonly session?: Session;
  /** A key of `argocd-cm`; empty for root, whom no setting binds. */
  setting(key: string): string;
  may(resource: string, action: string, object: string): boolean;
  /** The caller as of now, for answers that take long. @throws EngineError UNAUTHORIZED once the session is over */
  again(): Promise<Caller>;
}

export interface Session {
  /** The account, or `proj:PROJECT:ROLE`. */
  readonly subject: string;
  readonly id: string;
  readonly capability?: "login" | "apiKey";
  /** Seconds since 1970. */
  readonly iat: number;
  readonly exp?: number;
}

export const root: Caller = {
  name: "admin",
  isRoot: true,
  session: { subject: "admin", id: "", iat: 0 },
  setting: () => "",
  may: () => true,
  again: async () => root,
};

/** Whom the server found to ask; there is one behind the check of tokens. */
export function callerOf({ res }: Request): Caller {
  const caller: Caller | undefined = res?.locals.caller;
  if (caller === undefined) throw new Error("nobody was asked who they are");
  return caller;
}

export function setCaller({ res }: Request, caller: Caller): void {
  if (res) res.locals.caller = caller;
}

/** @throws EngineError FORBIDDEN */
export function demand(caller: Caller, resource: string, action: string, object: string): void {
  if (!caller.may(resource, action, object)) throw forbidden(caller, resource, action, object);
}

export function forbidden({ name, session }: Caller, resource: string, action: string, object: string): EngineError {
  const since = session === undefined ? "" : `, iat: ${new Date(session.iat * 1_000).toISOString()}`;
  return new EngineError("FORBIDDEN", `permission denied: ${resource}, ${action}, ${object}, sub: ${name}${since}`);
}

/** How the policy names what belongs to a project. */
export function scopedObject(project: string | undefined, name: string): string {
  return project ? `${project}/${name}` : name;
}
