import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type RunningEngine, tiphys } from "../harness/engine.ts";
import { failOnLeakedChildren } from "../harness/leaks.ts";
import type { RunResult } from "../harness/run.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { waitFor } from "../harness/wait.ts";
import { application, configMap, GitOpsScenario } from "./gitops-scenario.ts";

failOnLeakedChildren();

const policy = `
p, role:viewer, applications, get, */*, allow
p, role:viewer, projects, get, *, allow
p, alice, applications, sync, team/*, allow
p, alice, applications, update, team/*, allow
p, alice, applications, delete, */*, allow
p, alice, applications, delete, team/*, deny
g, alice, role:viewer
g, robot, role:viewer
`;

function settings(name: string, data: object): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "argocd" }, data };
}

const start = (): Promise<GitOpsScenario> =>
  GitOpsScenario.start({
    repositories: { shop: { "map.json": configMap("map", "one") }, more: { "map.json": configMap("more", "one") } },
    manifests: (urlOf) => [
      application("web", urlOf("shop"), { project: "team" }),
      application("other", urlOf("more"), { syncPolicy: {} }),
      {
        apiVersion: "argoproj.io/v1alpha1",
        kind: "AppProject",
        metadata: { name: "team", namespace: "argocd" },
        spec: {
          sourceRepos: ["*"],
          destinations: [{ server: "*", namespace: "*" }],
          roles: [{ name: "ci", policies: ["p, proj:team:ci, applications, sync, team/*, allow"] }],
        },
      },
      settings("argocd-cm", {
        "accounts.alice": "login",
        "accounts.robot": "apiKey",
        "accounts.gone": "login, apiKey",
        "accounts.gone.enabled": "false",
      }),
      settings("argocd-rbac-cm", { "policy.csv": policy }),
    ],
  });

/** Expects the exit code; gives what was printed. */
async function expect(running: Promise<RunResult>, code: number, text: RegExp, what: string): Promise<string> {
  const result = await running;
  assert.equal(result.code, code, `${what}: ${result.stdout}${result.stderr}`);
  assert.match(result.stdout + result.stderr, text, what);
  return result.stdout;
}

/** A command with a token, and no data directory to fall back to. */
function as({ endpoints }: RunningEngine, token: string, line: string): Promise<RunResult> {
  return tiphys(["--server", endpoints.server, "--token", token, ...line.split(" ")]);
}

const password = "correct-horse";

test("an account logs in, sees and does what the policy says, and logs out", async () => {
  await using scenario = await start();
  await using dir = await tempDir();
  await scenario.waitForSynced("web");
  const { engine } = scenario;
  const config = join(dir.path, "config");
  const run = (line: string): Promise<RunResult> => tiphys(["--config", config, ...line.split(" ")]);
  const server = engine.endpoints.server;

  const set = `account update-password --account alice --new-password ${password}`;
  await expect(
    engine.cli(["account", "list"]),
    0,
    /^NAME +ENABLED +CAPABILITIES\nadmin +true +login\nalice +true +login\n/,
    "list",
  );
  await expect(engine.cli(set.replace(password, "short").split(" ")), 20, /does not match the following/, "short");
  await expect(engine.cli(set.split(" ")), 0, /^Password updated\n$/, "set");
  const login = `login ${server} --username alice --name here --password`;
  await expect(run(`${login} wrong`), 3, /Invalid username or password/, "wrong password");
  await expect(
    run(`${login} ${password}`),
    0,
    /^'alice:login' logged in successfully\nContext 'here' updated\n$/,
    "login",
  );
  assert.equal((await stat(config)).mode & 0o777, 0o600);
  assert.equal((await readFile(config, "utf8")).includes(password), false);
  await expect(run("context"), 0, /^CURRENT +NAME +SERVER\n\* +here +http/, "context");
  await expect(run("account whoami"), 0, /^Logged In: true\nUsername: alice\nIssuer: argocd\nGroups:\n$/, "whoami");

  await expect(run("app list -o name"), 0, /^argocd\/other\nargocd\/web\n$/, "sees all");
  await expect(run("account can-i sync applications team/web"), 0, /^yes\n$/, "can");
  await expect(run("account can-i sync applications default/other"), 0, /^no\n$/, "cannot");
  await expect(run("app sync web"), 0, /Succeeded/, "may sync");
  const started = JSON.stringify(await scenario.find("application", "web", "argocd"));
  assert.match(started, /"initiatedBy":\{"username":"alice"\}/);
  await expect(
    run("app sync other --async"),
    20,
    /permission denied: applications, sync, default\/other, sub: alice/,
    "not there",
  );
  await expect(run("app sync none --async"), 20, /permission denied: applications, get/, "nor told that it is missing");
  await expect(run("app delete web -y"), 20, /permission denied: applications, delete, team\/web/, "deny wins");
  await expect(
    run("app set web --project default"),
    20,
    /permission denied: applications, create, default\/web/,
    "no move",
  );
  await expect(
    run("app delete-resource web --kind ConfigMap --resource-name map"),
    20,
    /delete\/\/ConfigMap\/default\/map/,
    "an object",
  );
  await expect(run("proj create mine"), 20, /permission denied: projects, create, mine/, "no project");
  await expect(run("cluster list"), 0, /^SERVER +NAME +VERSION +STATUS +MESSAGE +PROJECT\n$/, "no cluster to see");
  await expect(run("cluster get in-cluster"), 20, /permission denied: clusters, get/, "nor to get");
  await expect(run("event list"), 3, /permission denied: tiphys, get, events/, "no events");
  await expect(run("account generate-token"), 20, /does not have apiKey capability/, "no tokens");

  const change = `account update-password --current-password ${password} --new-password`;
  await expect(
    run(`${change.replace(password, "wrong")} other-horse`),
    3,
    /Invalid username or password/,
    "needs the old one",
  );
  await expect(run(`${change} other-horse`), 0, /^Password updated\nContext 'here' updated\n$/, "change");
  await expect(run("app get web"), 0, /Project: +team/, "goes on");
  const token = (await expect(run("account session-token"), 0, /^\S+\.\S+\.\S+\n$/, "token")).trim();
  await expect(run("logout here"), 0, /^Logged out from 'here'\n$/, "logout");
  await expect(as(engine, token, "app list"), 3, /it was given back/, "the token is dead");
  await scenario.restart();
  await expect(as(scenario.engine, token, "app list"), 3, /it was given back/, "also after a restart");
  assert.equal(`${engine.output}${scenario.engine.output}`.includes("horse"), false, "no password in a log");
});

test("five wrong passwords refuse the right one, and root is not refused", async () => {
  await using scenario = await start();
  const { engine } = scenario;
  await engine.cli(["account", "update-password", "--account", "alice", "--new-password", password]);
  const session = async (username: string, given: string): Promise<number> => {
    const init = { method: "POST", headers: { "content-type": "application/json" } };
    const response = await fetch(`${engine.endpoints.server}/api/v1/session`, {
      ...init,
      body: JSON.stringify({ username, password: given }),
    });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await session("alice", password), 200);
  const wrong = await Promise.all(["alice", "alice", "alice", "alice", "alice"].map((name) => session(name, "wrong")));
  assert.deepEqual(wrong, [401, 401, 401, 401, 401]);
  assert.deepEqual([await session("alice", password), await session("gone", password)], [401, 401]);
  assert.equal((await engine.api("/api/v1/account")).status, 200);
});

test("tokens of accounts and of a project's roles, until they are taken back", async () => {
  await using scenario = await start();
  await scenario.waitForSynced("web");
  const { engine } = scenario;
  const cli = (line: string): Promise<RunResult> => engine.cli(line.split(" "));

  const robot = (await expect(cli("account generate-token -a robot --id ci -e 7d"), 0, /^\S+\n$/, "generate")).trim();
  await expect(cli("account generate-token -a robot --id ci"), 20, /already has token with id 'ci'/, "twice");
  await expect(
    cli("account get -a robot"),
    0,
    /Capabilities: +apiKey\n\nTokens:\nID +ISSUED AT +EXPIRING AT\nci +20/,
    "get",
  );
  await expect(as(engine, robot, "app list -o name"), 0, /^argocd\/other\nargocd\/web\n$/, "sees");
  await expect(
    as(engine, robot, "app sync web --async"),
    20,
    /permission denied: applications, sync, team\/web, sub: robot/,
    "does not",
  );
  await expect(cli("account delete-token ci -a robot"), 0, /^$/, "delete");
  await expect(as(engine, robot, "app list"), 3, /token is refused/, "deleted");

  const role = await expect(
    cli("proj role create-token team ci -i one"),
    0,
    /^Create token succeeded for proj:team:ci\.\n {2}ID: one\n/,
    "create",
  );
  const token = /Token: (\S+)/.exec(role)?.[1] ?? "";
  await expect(cli("proj role create-token team ci -i one"), 20, /Token id 'one' has been used/, "twice");
  await expect(cli("proj role list-tokens team ci"), 0, /^ID +ISSUED AT +EXPIRES AT\none +20\S+ +never\n$/, "list");
  await expect(as(engine, token, "app list -o name"), 0, /^$/, "may not read");
  await expect(as(engine, token, "proj get team"), 0, /Name: +team/, "but its project");
  await expect(
    as(engine, token, "proj role create-token team ci"),
    20,
    /permission denied: projects, update, team/,
    "no more of them",
  );
  const sync = await engine.api("/api/v1/applications/web/sync", {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
  });
  assert.equal(sync.status, 200);
  await cli("proj role add-policy team ci -a get --object *");
  await waitFor("the new right", async () => (await as(engine, token, "app get web")).code === 0);
  await expect(as(engine, token, "app get other"), 20, /permission denied/, "of its project alone");
  const listed = await expect(cli("proj role list-tokens team ci -u"), 0, /one/, "list");
  const issued = /one +(\d+)/.exec(listed)?.[1] ?? "";
  await expect(cli(`proj role delete-token team ci ${issued}`), 0, /^$/, "delete");
  await expect(as(engine, token, "proj get team"), 3, /the role does not have it any more/, "deleted");
  assert.equal(engine.output.includes(token) || engine.output.includes(robot), false, "no token in a log");
});

test("who is not logged in may what the default role may, where that is allowed", async () => {
  await using scenario = await start();
  const { engine } = scenario;
  const get = async (path: string): Promise<number> => {
    const response = await fetch(engine.endpoints.server + path);
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await get("/api/v1/applications"), 401);
  const userInfo = await (await fetch(`${engine.endpoints.server}/api/v1/session/userinfo`)).json();
  assert.deepEqual(userInfo, { loggedIn: false });
  const patch = (data: object) => JSON.stringify({ data });
  await scenario.kubectl([
    "patch",
    "configmap",
    "argocd-cm",
    "-n",
    "argocd",
    "-p",
    patch({ "users.anonymous.enabled": "true" }),
  ]);
  await scenario.kubectl([
    "patch",
    "configmap",
    "argocd-rbac-cm",
    "-n",
    "argocd",
    "-p",
    patch({ "policy.default": "role:readonly" }),
  ]);
  await waitFor("the settings", async () => (await get("/api/v1/applications")) === 200);
  const { server } = engine.endpoints;
  const body = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
  const sync = await fetch(`${server}/api/v1/applications/web/sync`, body);
  assert.equal(sync.status, 403);
  await scenario.kubectl([
    "patch",
    "configmap",
    "argocd-rbac-cm",
    "-n",
    "argocd",
    "-p",
    patch({ "policy.csv": "nonsense" }),
  ]);
  await waitFor("the complaint", async () => {
    await get("/api/v1/applications");
    return engine.output.includes("the policy cannot be read");
  });
  assert.equal(await get("/api/v1/applications"), 200, "the one before counts");
  const single = { "dex.config": "connectors: []" };
  await scenario.kubectl(["patch", "configmap", "argocd-cm", "-n", "argocd", "-p", patch(single)]);
  await waitFor("the word about single sign-on", async () => {
    await get("/api/v1/applications");
    return engine.output.includes("single sign-on is not supported");
  });
  await expect(tiphys(["login", server, "--sso"]), 2, /--sso is not supported/, "sso");
});
