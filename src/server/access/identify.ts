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
    const caller = await access.identify(bearer ?? cookie);
    setCaller(request, caller);
    response.removeHeader("www-authenticate");
    // A page stays logged in while somebody works with it; whoever sends a header keeps what they have.
    const renewed =
      cookie === undefined || caller.session === undefined ? undefined : await access.renew(caller.session);
    if (renewed !== undefined) setCookie(response, renewed);
    next();
  };
}

/** The session of a page. */
export function setCookie(
  response: Response,
  { token, maxAgeS }: { readonly token: string; readonly maxAgeS?: number },
) {
  response.cookie(cookieName, token, {
    httpOnly: true,
    sameSite: "lax",
    path: "/",
    encode: (text) => text, // of letters, digits, dots, - and _
    ...(maxAgeS === undefined ? {} : { maxAge: maxAgeS * 1_000 }),
  });
}

/** Express answers HEAD by what GET does. */
export function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

function cookieIn(header: string | undefined): string | undefined {
  for (const part of header?.split(";") ?? []) {
    const [name, ...value] = part.trim().split("=");
    if (name === cookieName) return value.join("=");
  }
  return undefined;
}
