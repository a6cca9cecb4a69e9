import { type Request, Router } from "express";
import type { Clock } from "../base/clock.ts";
import { systemClock } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { Access } from "./access/access.ts";
import { applicationActionRoutes, type ResourceActions } from "./application-action-routes.ts";
import { type ApplicationEdits, applicationEditRoutes } from "./application-edit-routes.ts";
import { applicationEventRoutes } from "./application-event-routes.ts";
import { appNamespaceOf, findApplication, projectOf, textParameter } from "./application-query.ts";
import { type ApplicationLooks, applicationResourceRoutes } from "./application-resource-routes.ts";
import { type ApplicationAccess, type ApplicationRouteDeps, applicationRoutes } from "./application-routes.ts";
import { applicationStreamRoutes, type WatchApplications } from "./application-stream.ts";
import { certificateRoutes } from "./certificate-routes.ts";
import { type ConnectedCluster, clusterRoutes } from "./cluster-routes.ts";
import { gpgKeyRoutes } from "./gpg-key-routes.ts";
import { applicationLinkRoutes } from "./link-routes.ts";
import { logRoutes } from "./log-routes.ts";
import { projectRoutes } from "./project-routes.ts";
import { projectTokenRoutes } from "./project-token-routes.ts";
import { repositoryCredentialRoutes } from "./repository-credential-routes.ts";
import { type RepositoryLooks, repositoryDetailRoutes } from "./repository-detail-routes.ts";
import { repositoryRoutes, type TestRepository } from "./repository-routes.ts";
import { sentFilesRoute } from "./sent-files-route.ts";
import { serverSideDiffRoutes } from "./server-side-diff-routes.ts";

/** What stands behind Argo CD's paths; the paths of what is absent answer 404. */
export interface ArgoRouteDeps extends ApplicationRouteDeps {
  /** Changes of Applications, what is asked beside them, and their changes. */
  readonly edits?: ApplicationEdits;
  readonly looks?: ApplicationLooks;
  readonly watch?: WatchApplications;
  readonly actions?: ResourceActions;
  /** Where projects, clusters and repositories are kept. */
  readonly control?: Control;
  readonly clock?: Clock;
}

export interface Control {
  readonly kube: KubeClient;
  /** Those that Applications can name now. */
  clusters(): readonly ConnectedCluster[];
  readonly testRepository: TestRepository;
  /** Absent: the paths answer 404. */
  readonly repositories?: RepositoryLooks;
}

/** `/api/v1/…` at the paths and in the shapes of Argo CD (spec argo-cd-surface 6.2). */
export function argoRoutes(deps: ArgoRouteDeps, access: Access): Router {
  const router = Router();
  mountApplications(router, deps);
  const { control, applications, clock = systemClock } = deps;
  if (control && applications) {
    router.use(
      "/projects",
      projectRoutes(control.kube, applications, clock),
      projectTokenRoutes({ kube: control.kube, access, clock }),
    );
    router.use("/certificates", certificateRoutes(control.kube));
    router.use("/gpgkeys", gpgKeyRoutes(control.kube));
    router.use("/clusters", clusterRoutes(control, applications, clock));
    const { repositories } = control;
    if (repositories) {
      router.use("/repositories", repositoryDetailRoutes({ ...control, repositories }, applications));
    }
    for (const path of ["/repositories", "/write-repositories"]) {
      router.use(path, repositoryRoutes(control, clock, path.startsWith("/write") ? "repository-write" : "repository"));
    }
    router.use("/repocreds", repositoryCredentialRoutes(control.kube, "repo-creds"));
    router.use("/write-repocreds", repositoryCredentialRoutes(control.kube, "repo-write-creds"));
  }
  return router;
}

/** A project that is named is the one that the Application must be of, for everybody. @throws EngineError NOT_FOUND */
function checkProject(request: Request, applications: ApplicationAccess): void {
  const project = textParameter(request, "project");
  if (project === undefined) return;
  const name = String(request.params.name);
  if (projectOf(findApplication(applications, name, appNamespaceOf(request)).spec) === project) return;
  throw new EngineError("NOT_FOUND", `applications.argoproj.io "${name}" not found in project "${project}"`);
}

function mountApplications(router: Router, deps: ArgoRouteDeps): void {
  const { applications, refreshTimeoutMs, edits, looks, watch, actions, clock = systemClock } = deps;
  if (!applications) return;
  router.use("/applications/:name", (request, _, next) => {
    checkProject(request, applications);
    next();
  });
  router.use(
    "/applications",
    applicationRoutes(applications, (ref) => looks?.windows(ref).canSync ?? true, refreshTimeoutMs),
  );
  if (edits) router.use("/applications", applicationEditRoutes(applications, edits));
  if (!looks) return;
  const kube = deps.control?.kube;
  router.use("/applications", serverSideDiffRoutes(applications, looks));
  if (kube) router.use("/applications", applicationLinkRoutes(applications, looks, kube));
  router.use("/applications", sentFilesRoute(applications, looks));
  router.use("/applications", applicationResourceRoutes(applications, looks), logRoutes(applications, looks));
  router.use("/applications", applicationEventRoutes(applications, looks, kube));
  if (actions)
    router.use(
      "/applications",
      applicationActionRoutes(applications, looks, actions, () => clock.now()),
    );
  if (watch) router.use("/stream/applications", applicationStreamRoutes(applications, looks, watch));
}
