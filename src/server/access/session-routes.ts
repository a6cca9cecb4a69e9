import { Router } from "express";
import { textOf } from "../../api/fields.ts";
import { EngineError } from "../../base/errors.ts";
import { bodyObject, jsonBody } from "../body.ts";
import type { Access } from "./access.ts";
import { callerOf } from "./caller.ts";
import { cookieName, identify, setCookie } from "./identify.ts";

/** `/api/v1/session` (spec argo-cd-surface 6.2): who has no token gets one for a password. */
export function sessionRoutes(access: Access): Router {
  const router = Router();
  router.post("/", ...jsonBody(), async (request, response) => {
    const { username, password } = bodyObject(request);
    const login = await access.login(textOf(username), textOf(password));
    setCookie(response, login);
    response.json({ token: login.token });
  });
  router.delete("/", identify(access), async (request, response) => {
    const { session } = callerOf(request);
    if (session?.capability === "login") await access.revoke(session);
    response.clearCookie(cookieName, { path: "/" }).json({});
  });
  router.get("/userinfo", async (request, response, next) => {
    try {
      await identify(access)(request, response, () => undefined);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== "UNAUTHORIZED") {
        next(error);
        return;
      }
      response.removeHeader("www-authenticate");
      response.json({ loggedIn: false });
      return;
    }
    const { name, session } = callerOf(request);
    response.json(session ? { loggedIn: true, username: name, iss: "argocd", groups: [] } : { loggedIn: false });
  });
  return router;
}
