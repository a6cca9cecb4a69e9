import { objectOf, textOf } from "../../api/fields.ts";
import { filesOf } from "./pushed-files.ts";
import { isSigned } from "./signature.ts";
import { type HookProvider, noCommit } from "./webhook.ts";

/** The most commits that a push event lists. */
const maxCommits = 2_048;

/** https://docs.github.com/en/webhooks/webhook-events-and-payloads#push */
export const github: HookProvider = {
  name: "GitHub",
  claims: (headers) => "x-github-event" in headers && headers["x-github-event"] !== "package",
  refuses(request, secret) {
    const wanted = secret("webhook.github.secret");
    if (!wanted) return undefined;
    const { "x-hub-signature-256": newer, "x-hub-signature": older = "" } = request.headers;
    const isFine =
      newer === undefined
        ? isSigned(request, older, wanted, { algorithm: "sha1" })
        : isSigned(request, newer, wanted, { algorithm: "sha256" });
    return isFine ? undefined : "HMAC verification failed";
  },
  isPush: (headers) => headers["x-github-event"] === "push",
  read(body) {
    const { html_url, default_branch } = objectOf(body.repository);
    const { ref, before, after, commits, forced } = body;
    // A forced push takes commits away, too: what those changed is not told.
    const files = forced === true ? undefined : filesOf(commits);
    const isCut = Array.isArray(commits) && commits.length >= maxCommits;
    return {
      provider: "GitHub",
      urls: [textOf(html_url)],
      refs: [{ name: textOf(ref), old: textOf(before) || noCommit, new: textOf(after) || noCommit }],
      headRef: `refs/heads/${textOf(default_branch)}`,
      ...(files === undefined || isCut ? {} : { files }),
    };
  },
};
