import { objectOf, textOf } from "../../api/fields.ts";
import { filesOf } from "./pushed-files.ts";
import { isSigned } from "./signature.ts";
import { type HookProvider, noCommit } from "./webhook.ts";

/** Gogs, and Gitea and Forgejo, which send its headers too: https://docs.gitea.com/usage/webhooks */
export const gogs: HookProvider = {
  name: "Gogs",
  claims: (headers) => "x-gogs-event" in headers,
  refuses(request, secret) {
    const wanted = secret("webhook.gogs.secret");
    if (!wanted) return undefined;
    const given = request.headers["x-gogs-signature"] ?? "";
    return isSigned(request, given, wanted, { isPrefixed: false }) ? undefined : "HMAC verification failed";
  },
  isPush: (headers) => headers["x-gogs-event"] === "push",
  read(body) {
    const { html_url, clone_url, ssh_url, default_branch } = objectOf(body.repository);
    const { ref, before, after, commits, total_commits: count } = body;
    const files = filesOf(commits, count);
    return {
      provider: "Gogs",
      urls: [html_url, clone_url, ssh_url].map(textOf).filter((url) => url !== ""),
      refs: [{ name: textOf(ref), old: textOf(before) || noCommit, new: textOf(after) || noCommit }],
      headRef: `refs/heads/${textOf(default_branch)}`,
      ...(files === undefined ? {} : { files }),
    };
  },
};
