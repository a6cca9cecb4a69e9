import type { NextFunction, Request, RequestHandler, Response } from "express";
import { EngineError } from "../../base/errors.ts";
import type { Access } from "./access.ts";
import { setCaller } from "./caller.ts";

/** As the original names it, so that its pages find it. */
export const cookieName = "argocd.token";

/** Finds out who asks. @throws EngineError UNAUTHORIZED */
export function identify(access: Access): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1]?.trim();
    const cookie = bearer === undefined ? cookieIn(request.headers.cookie) : undefined;
    // A browser sends the cookie by itself: what changes something must be more than a page of another site can make.
    if (cookie !== undefined && !isRead(request) && !request.headers["content-type"]?.startsWith("application/json")) {
      throw new EngineError("CONTENT_TYPE_REFUSED", "Invalid content type");
    }
    response.set("www-authenticate", "Bearer");
    setCaller(request, await access.identify(bearer ?? cookie));
    response.removeHeader("www-authenticate");
    next();
  };
}

function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

function cookieIn(header: string | undefined): string | undefined {
  for (const part of header?.split(";") ?? []) {
    const [name, ...value] = part.trim().split("=");
    if (name === cookieName) return value.join("=");
  }
  return undefined;
}
