/** What people call fields, in lower case, and what those are called; of several the ones that a place has are meant. */
const synonyms: Readonly<Record<string, readonly string[]>> = {
  address: ["url", "hostAddress"],
  branch: ["targetRevision", "revision"],
  body: ["payload"],
  brokers: ["url"],
  circuit: ["conditions"],
  cluster: ["name", "server"],
  cron: ["schedule", "calendar"],
  data: ["dataKey", "dataTemplate"],
  expression: ["expr"],
  git: ["repoURL"],
  host: ["url", "hostAddress"],
  hostname: ["host", "url"],
  http: ["webhook"],
  kubernetes: ["k8s", "resource"],
  lambda: ["awsLambda"],
  operator: ["comparator", "operation"],
  path: ["endpoint"],
  ref: ["targetRevision", "revision"],
  repo: ["repoURL"],
  repository: ["repoURL"],
  retry: ["retryStrategy"],
  revision: ["targetRevision"],
  s3: ["minio"],
  schedule: ["cron"],
  switch: ["conditions"],
  tag: ["targetRevision"],
  target: ["dest"],
  text: ["message"],
  token: ["apiToken", "accessToken", "slackToken", "authToken"],
  url: ["repoURL"],
  userpayload: ["metadata"],
  version: ["targetRevision"],
  webhook: ["http"],
  when: ["conditions"],
  workflow: ["argoWorkflow"],
};

/** Other words for a key among the names that its place knows. */
export function synonymsOf(key: string, known: readonly string[]): readonly string[] {
  const word = key.toLowerCase();
  const names = Object.hasOwn(synonyms, word) ? (synonyms[word] ?? []) : [];
  return names.filter((name) => known.includes(name));
}

/** Shorter beginnings say too little. */
const shortest = 4;

/** Names that a key is the beginning of, `eventSource` of `eventSourceName`, or that begin it; the best one or two. */
export function completionsOf(key: string, known: readonly string[]): readonly string[] {
  const word = key.toLowerCase();
  if (word.length < shortest) return [];
  const exact = known.find((name) => name.toLowerCase() === `${word}name`);
  if (exact !== undefined) return [exact];
  const longer = known.filter((name) => name.toLowerCase().startsWith(word));
  if (longer.length > 0) return longer.length <= 2 ? longer : [];
  const shorter = known.filter((name) => name.length > shortest && word.startsWith(name.toLowerCase()));
  return shorter.sort((a, b) => b.length - a.length).slice(0, 1);
}
