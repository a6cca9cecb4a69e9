import { instant, isoTime } from "../../base/clock.ts";
import type { CommitInfo } from "./source.ts";

/** What people read of a commit, from the text of its object. What is missing is empty. */
export function parseCommit(commit: string, text: string): Omit<CommitInfo, "tags"> {
  const end = text.indexOf("\n\n");
  const head = end < 0 ? text : text.slice(0, end);
  const message = end < 0 ? "" : text.slice(end + 2);
  const author = /^author (.*) <(.*)> (\d{1,12}) [+-]\d{4}$/m.exec(head);
  return {
    commit,
    author: author?.[1] ?? "",
    email: author?.[2] ?? "",
    date: author === null ? "" : isoTime(instant(Number(author[3]) * 1000)),
    subject: subjectOf(message),
    message: message.trim().slice(0, 16_000),
  };
}

/** The first paragraph on one line, as Git does; at most 1,000 characters. */
function subjectOf(message: string): string {
  const [paragraph = ""] = message.replace(/^\s+/, "").split(/\n\s*\n/);
  return paragraph
    .trim()
    .replace(/\s*\n\s*/g, " ")
    .slice(0, 1_000);
}
