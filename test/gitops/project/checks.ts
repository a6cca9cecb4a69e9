import { parseAppProject } from "../../../src/api/app-project.ts";
import type { AppProject } from "../../../src/api/application-types.ts";
import { manifest } from "../../api/builders.ts";

export function project(spec: object): AppProject {
  return parseAppProject(manifest("AppProject", spec)).resource;
}
