import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../base/errors.ts";
import { parseHelmIndex } from "./helm-index.ts";
import type { IndexAnswer, IndexQuestion } from "./helm-index-reader.ts";

function answer({ body, repository }: IndexQuestion): IndexAnswer {
  try {
    return { index: parseHelmIndex(Buffer.from(body).toString("utf8"), repository) };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

parentPort?.postMessage(answer(workerData as IndexQuestion));
