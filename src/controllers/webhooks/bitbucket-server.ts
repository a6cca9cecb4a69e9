import { objectOf, objectsOf, textOf } from "../../api/fields.ts";
import { isSigned } from "./signature.ts";
import { type HookProvider, noCommit } from "./webhook.ts";

/** Bitbucket Server and Data Center: https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html */
export const bitbucketServer: HookProvider = {
  name: "Bitbucket Server",
  claims: (headers) => "x-event-key" in headers,
  refuses(request, secret) {
    const wanted = secret("webhook.bitbucketserver.secret");
    // The test of a connection is not signed.
    if (!wanted || request.headers["x-event-key"] === "diagnostics:ping") return undefined;
    const given = request.headers["x-hub-signature"] ?? "";
    return isSigned(request, given, wanted, {}) ? undefined : "HMAC verification failed";
  },
  isPush: (headers) => headers["x-event-key"] === "repo:refs_changed",
  read(body) {
    const { links } = objectOf(body.repository);
    return {
      provider: "Bitbucket Server",
      urls: objectsOf(objectOf(links).clone)
        .map(({ href }) => textOf(href))
        .filter((url) => url !== ""),
      refs: objectsOf(body.changes).map(({ ref, refId, fromHash, toHash }) => ({
        name: textOf(objectOf(ref).id) || textOf(refId),
        old: textOf(fromHash) || noCommit,
        new: textOf(toHash) || noCommit,
      })),
    };
  },
};
