/** `/log-level`: what the node logs, seen and set while it runs; by its own machine alone, until there are credentials. */
import type { IncomingMessage } from "node:http";
import { createRoute, z } from "@hono/zod-openapi";
import { LOG_LEVELS, type Log } from "../../ports/log.ts";
import { type Answer, jsonAnswer, problemAnswer } from "../../protocol/http/answer.ts";
import { isProblem, type Problem, problem } from "../../protocol/http/problem.ts";
import { type Parameters, parseLogLevel, parseNoParameters } from "../../protocol/http/query.ts";
import { isFromHere } from "./dashboard-routes.ts";
import { logLevelSchema, problemSchema } from "./schemas.ts";

const LOG_LEVEL_PATH = "/log-level";
const refused = {
  description: "Problem.",
  content: { "application/problem+json": { schema: problemSchema } },
};
const told = {
  description: "What it logs.",
  content: { "application/json": { schema: logLevelSchema } },
};

export const getLogLevel = createRoute({
  method: "get",
  path: LOG_LEVEL_PATH,
  summary: "What this node logs; on its own machine only",
  responses: { 200: told, 400: refused, 403: refused, 409: refused },
});
export const putLogLevel = createRoute({
  method: "put",
  path: LOG_LEVEL_PATH,
  summary: "Changes what this node logs, until it ends; on its own machine only",
  request: { query: z.object({ level: z.enum(LOG_LEVELS) }) },
  responses: { 200: told, 400: refused, 403: refused, 409: refused },
});

export function logLevelAnswer(
  log: Log,
  request: IncomingMessage,
  parameters: Parameters | Problem,
): Answer {
  if (!isFromHere(request)) {
    const detail = "what a node logs is seen and set on its own machine only";
    return problemAnswer(problem("not-local", detail));
  }
  if (isProblem(parameters)) return problemAnswer(parameters);
  const isSetting = request.method === "PUT";
  const asked = isSetting ? parseLogLevel(parameters) : parseNoParameters(parameters);
  if (isProblem(asked)) return problemAnswer(asked);
  if (log.level === undefined) {
    const detail = "this node's log is that of the program it runs in, and has no level to be set";
    return problemAnswer(problem("no-log-level", detail));
  }
  if ("level" in asked && asked.level !== log.level) {
    const before = log.level;
    log.level = asked.level;
    log.log("warn", "log-level-changed", { before, now: asked.level });
  }
  return jsonAnswer({ level: log.level });
}
