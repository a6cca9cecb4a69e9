import assert from "node:assert/strict";
import { test } from "node:test";
import { createFindAccess, type RepositorySecret } from "../../../src/gitops/source/repository-secrets.ts";
import { anonymousAccess, type FindAccess, type RepositoryAccess } from "../../../src/gitops/source/source.ts";

type Declared = readonly [type: "repository" | "creds", data: Readonly<Record<string, string>>];

function access(...declared: readonly Declared[]): FindAccess {
  const secrets = declared.map(
    ([type, data], index): RepositorySecret => ({
      name: `secret-${index}`,
      type: type === "creds" ? "repo-creds" : type,
      data,
    }),
  );
  return createFindAccess({ secrets, knownHosts: "hosts", certificates: { "git.example.com": "PEM" } });
}

const userOf = ({ basic }: RepositoryAccess): string => basic?.username ?? "nobody";
const own = (url: string, username = "me", more = {}): Declared => ["repository", { url, username, ...more }];
const creds = (url: string, username = "me", more = {}): Declared => ["creds", { url, username, ...more }];

for (const [name, declared, repository, project, expected] of [
  ["nothing declared", [], "https://h/a", "p", "nobody"],
  ["its URL", [own("https://h/a")], "https://h/a", "p", "me"],
  ["its URL in another spelling", [own("https://H:443/a.git")], "https://h/a/", "p", "me"],
  ["ssh as scp writes it", [own("git@h:o/a.git")], "ssh://git@h/o/a", "p", "me"],
  ["another URL", [own("https://h/ab")], "https://h/a", "p", "nobody"],
  ["http for https", [own("http://h/a")], "https://h/a", "p", "nobody"],
  [
    "its project",
    [own("https://h/a", "all"), own("https://h/a", "mine", { project: "p" })],
    "https://h/a",
    "p",
    "mine",
  ],
  [
    "another project",
    [own("https://h/a", "theirs", { project: "q" }), own("https://h/a", "all")],
    "https://h/a",
    "p",
    "all",
  ],
  ["another project alone", [own("https://h/a", "theirs", { project: "q" })], "https://h/a", "p", "nobody"],
  ["a prefix", [creds("https://h/org")], "https://h/org/a", "p", "me"],
  ["a prefix with a slash", [creds("https://h/org/")], "https://h/org/a.git", "p", "me"],
  ["a prefix within a name", [creds("https://h/or")], "https://h/org/a", "p", "me"],
  ["the host alone", [creds("https://h")], "https://h/org/a", "p", "me"],
  ["a host that begins as the prefix does", [creds("https://h")], "https://h.evil/org/a", "p", "nobody"],
  ["a host for ssh", [creds("git@h")], "git@h:org/a", "p", "me"],
  ["the longest prefix", [creds("https://h", "short"), creds("https://h/org", "long")], "https://h/org/a", "p", "long"],
  ["its own before a prefix", [creds("https://h", "prefix"), own("https://h/a", "own")], "https://h/a", "p", "own"],
  [
    "a prefix where its own Secret has none",
    [creds("https://h", "prefix"), ["repository", { url: "https://h/a", insecure: "true" }]],
    "https://h/a",
    "p",
    "prefix",
  ],
  ["a chart repository without a scheme", [own("h:5000/charts")], "h:5000/charts", "p", "me"],
] as const satisfies readonly (readonly [string, readonly Declared[], string, string, string])[]) {
  test(`finds credentials: ${name}`, () => {
    assert.equal(userOf(access(...declared)(repository, project)), expected);
  });
}

for (const [depth, expected] of [
  ["", undefined],
  ["0", undefined],
  ["1", 1],
  [" 20\n", 20],
] as const) {
  test(`a depth of ${JSON.stringify(depth)} is ${expected ?? "everything"}`, () => {
    assert.equal(access(["repository", { url: "https://h/a", depth }])("https://h/a", "p").depth, expected);
  });
}

for (const depth of ["-1", "all", "1.5", "1e3", "9999999999"]) {
  test(`a depth of "${depth}" is refused`, () => {
    const find = access(["repository", { url: "https://h/a", depth }]);
    const message = `Secret "secret-0": depth is "${depth}", expected a number of commits, 0 for all`;
    assert.throws(() => find("https://h/a", "p"), { name: "TerminalError", code: "GIT_REFUSED", message });
  });
}

test("an unknown repository is read without credentials, from hosts that are known", () => {
  const tls = { isInsecure: false, authorities: "PEM" };
  assert.deepEqual(access()("https://git.example.com/a", "p"), { ...anonymousAccess, knownHosts: "hosts", tls });
  assert.deepEqual(access()("https://elsewhere/a", "p"), { ...anonymousAccess, knownHosts: "hosts" });
});

test("reads every key of the Secret", () => {
  const data = {
    url: "https://h/a",
    type: "helm",
    project: "p",
    username: "u",
    password: "pw",
    bearerToken: "b",
    sshPrivateKey: "k",
    insecure: "true",
    enableLfs: "true",
    enableOCI: "1",
    insecureOCIForceHttp: "True",
    tlsClientCertData: "cert",
    tlsClientCertKey: "key",
    forceHttpBasicAuth: "true",
    proxy: "http://proxy",
    noProxy: "x",
    githubAppPrivateKey: "pem",
    githubAppID: "1",
    githubAppInstallationID: "2",
    githubAppEnterpriseBaseUrl: "https://ghe",
    depth: "3",
  };
  assert.deepEqual(access(["repository", data])("https://h/a", "p"), {
    type: "helm",
    scope: "p",
    basic: { username: "u", password: "pw" },
    isBasicForced: true,
    bearerToken: "b",
    sshPrivateKey: "k",
    proxy: "http://proxy",
    noProxy: "x",
    gitHubApp: { id: "1", installationId: "2", privateKey: "pem", baseUrl: "https://ghe" },
    isHostKeyIgnored: true,
    knownHosts: "hosts",
    tls: { isInsecure: true, certificate: "cert", key: "key" },
    hasLfs: true,
    depth: 3,
    isOci: true,
    isPlainHttp: true,
  } satisfies RepositoryAccess);
});

function google(more: object = {}): string {
  return JSON.stringify({ type: "service_account", client_email: "me@p.example", private_key: "pem", ...more });
}

const azure = {
  azureServicePrincipalClientId: "client",
  azureServicePrincipalTenantId: "tenant",
  azureServicePrincipalClientSecret: "secret",
};
/** As `repo-creds` spell them. */
const azureCreds = {
  azureServicePrincipalClientID: "client",
  azureServicePrincipalTenantID: "tenant",
  azureServicePrincipalClientSecret: "secret",
  azureActiveDirectoryEndpoint: "https://login.partner.example/",
};
const principal = { kind: "azure", tenantId: "tenant", clientId: "client", clientSecret: "secret" };

for (const [name, type, data, expected] of [
  [
    "Google's",
    "repository",
    { gcpServiceAccountKey: google({ private_key_id: "7" }) },
    {
      kind: "google",
      email: "me@p.example",
      privateKey: "pem",
      keyId: "7",
      tokenUrl: "https://oauth2.googleapis.com/token",
    },
  ],
  ["Azure's", "repository", azure, { ...principal, authority: "https://login.microsoftonline.com" }],
  ["Azure's, of a prefix", "creds", azureCreds, { ...principal, authority: "https://login.partner.example" }],
  ["this process", "repository", { useAzureWorkloadIdentity: "true" }, { kind: "azure workload" }],
  ["none", "repository", { useAzureWorkloadIdentity: "false" }, undefined],
  ["a password goes before", "repository", { ...azure, password: "pw" }, undefined],
] as const) {
  test(`reads the account of a cloud: ${name}`, () => {
    assert.deepEqual(access([type, { url: "https://h/a", ...data }])("https://h/a", "p").cloudAccount, expected);
  });
}

for (const [data, message] of [
  [{ githubAppPrivateKey: "k", githubAppID: "x" }, /Secret "secret-0": githubAppID is "x"/],
  [{ gcpServiceAccountKey: "k" }, /Secret "secret-0": gcpServiceAccountKey is no JSON object/],
  [{ gcpServiceAccountKey: '{"type": "authorized_user"}' }, /is of type "authorized_user": only "service_account"/],
  [{ gcpServiceAccountKey: '{"type": "service_account"}' }, /lacks client_email or private_key/],
  [{ gcpServiceAccountKey: google({ token_uri: "http://example.com/t" }) }, /names an address that is not https/],
  [{ gcpServiceAccountKey: google(), type: "helm" }, /not supported for charts and artifacts/],
  [{ azureServicePrincipalClientId: "c" }, /needs azureServicePrincipalTenantId/],
  [{ useAzureWorkloadIdentity: "true", enableOCI: "true" }, /an Azure identity is not supported for charts/],
] as const) {
  test(`says what is wrong: ${message.source}`, () => {
    const find = access(["repository", { url: "https://h/a", ...data }]);
    assert.throws(() => find("https://h/a", "p"), { name: "TerminalError", code: "GIT_AUTH_FAILED", message });
  });
}
