/**
 * `POST /cluster/backup`: a page of all that the cluster holds, as bytes.
 *
 * Past the router, because a page may hold the largest value and a client may be slow to take it: what waits to be taken is
 * counted against the door's budget. `POST`, because that is what a page of another origin may not send.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { isBackupCursor } from "../../node/backup-page.ts";
import type { Store } from "../../node/store.ts";
import { encodePage } from "../../protocol/backup/page.ts";
import { type Answer, GUARD_HEADERS, problemAnswer } from "../../protocol/http/answer.ts";
import { BYTES_TYPE } from "../../protocol/http/content-type.ts";
import { formatCursor, parseCursor } from "../../protocol/http/cursor.ts";
import { failureAnswer } from "../../protocol/http/kv-answers.ts";
import { splitTarget } from "../../protocol/http/kv-target.ts";
import { isProblem, type Problem, problem } from "../../protocol/http/problem.ts";
import { parseBackupParameters, parseParameters } from "../../protocol/http/query.ts";
import { isFromHere, isFromPage } from "./dashboard-routes.ts";
import type { ByteBudget, HttpLimits } from "./http-limits.ts";
import { announcesBody, refuse, sendAnswer } from "./send.ts";

export const BACKUP_PATH = "/cluster/backup";
const CURSOR_SCOPE = "backup";

export interface BackupRouteOptions {
  readonly store: Store;
  readonly limits: HttpLimits;
  readonly budget: ByteBudget;
}

/** Serves the request if it is one for a page; the router has the rest of the address. */
export function serveBackup(
  { store, limits, budget }: BackupRouteOptions,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { url = "", method } = request;
  if (method !== "POST" || !url.includes(BACKUP_PATH)) return false;
  const target = splitTarget(url);
  if (target?.path !== BACKUP_PATH) return false;
  const refusal = refusalOf(request);
  if (refusal !== undefined) {
    refuse(request, response, problemAnswer(refusal), limits, budget);
    return true;
  }
  backupAnswer(store, target.query, (answer) => sendAnswer(response, answer, budget));
  return true;
}

function refusalOf(request: IncomingMessage): Problem | undefined {
  if (announcesBody(request)) return problem("bad-request", "a backup takes no body");
  // As with departures, until there are credentials.
  if (!isFromPage(request) || isFromHere(request)) return undefined;
  return problem("foreign-origin", "a page may take backups on the node's own machine only");
}

function backupAnswer(store: Store, query: string, done: (answer: Answer) => void): void {
  const raw = parseParameters(query);
  if (isProblem(raw)) return done(problemAnswer(raw));
  const wanted = parseBackupParameters(raw);
  if (isProblem(wanted)) return done(problemAnswer(wanted));
  const start = wanted.cursor === undefined ? undefined : parseCursor(wanted.cursor, CURSOR_SCOPE);
  if (start !== undefined && isProblem(start)) return done(problemAnswer(start));
  const cursor = start?.position;
  // The check of a cursor is none against forgery.
  if (cursor !== undefined && !isBackupCursor(cursor)) {
    const detail = "cursor is not one that a backup handed out; start without one";
    return done(problemAnswer(problem("bad-parameter", detail, { name: "cursor" })));
  }
  store.backup({ ...wanted, cursor }, (outcome) => {
    if (outcome.kind === "failed") return done(failureAnswer(outcome));
    const { cells, next, thin } = outcome;
    const head = {
      cells: cells.length,
      ...(next === undefined ? {} : { cursor: formatCursor(next, CURSOR_SCOPE) }),
      ...(thin.length === 0 ? {} : { thin }),
    };
    const headers = ["Content-Type", BYTES_TYPE, ...GUARD_HEADERS];
    done({ status: 200, headers, body: encodePage(head, cells) });
  });
}
