import { objectOf, textOf } from "../../api/fields.ts";
import { filesOf } from "./pushed-files.ts";
import { isSameText } from "./signature.ts";
import { type HookProvider, noCommit } from "./webhook.ts";

const events = ["Push Hook", "Tag Push Hook", "System Hook"];

/** https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events */
export const gitlab: HookProvider = {
  name: "GitLab",
  claims: (headers) => "x-gitlab-event" in headers,
  refuses({ headers }, secret) {
    const wanted = secret("webhook.gitlab.secret");
    if (!wanted || isSameText(headers["x-gitlab-token"] ?? "", wanted)) return undefined;
    return "X-Gitlab-Token validation failed";
  },
  isPush(headers, { object_kind, event_name }) {
    const kind = textOf(object_kind) || textOf(event_name);
    return events.includes(headers["x-gitlab-event"] ?? "") && (kind === "push" || kind === "tag_push");
  },
  read(body) {
    const { web_url, git_http_url, git_ssh_url, default_branch } = objectOf(body.project);
    const { ref, before, after, commits, total_commits_count: count } = body;
    // It lists the newest twenty commits.
    const files = filesOf(commits, count);
    const branch = textOf(default_branch);
    return {
      provider: "GitLab",
      urls: [web_url, git_http_url, git_ssh_url].map(textOf).filter((url) => url !== ""),
      refs: [{ name: textOf(ref), old: textOf(before) || noCommit, new: textOf(after) || noCommit }],
      ...(branch === "" ? {} : { headRef: `refs/heads/${branch}` }),
      ...(files === undefined ? {} : { files }),
    };
  },
};
