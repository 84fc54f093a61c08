/**
 * `POST /cluster/backup`: a page of all that the cluster holds, as bytes; with a body that tells what is known, of just those slots
 * and without that. `POST /cluster/backup/compare`: which slots hold something else than a backup does.
 *
 * Past the router, because a page may hold the largest value and a client may be slow to take it: what waits to be taken is
 * counted against the door's budget. `POST`, because that is what a page of another origin may not send.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { SLOT_COUNT } from "../../model/limits.ts";
import { slotFrom } from "../../model/slot.ts";
import { isBackupCursor } from "../../node/backup-page.ts";
import type { Store } from "../../node/store.ts";
import {
  encodeSame,
  KNOWN_CELLS_BYTES_MAX,
  parseKnownCells,
} from "../../protocol/backup/known-cells.ts";
import {
  BACKUP_COMPARE_PATH,
  BACKUP_CURSOR_SCOPE,
  BACKUP_PATH,
  encodePage,
} from "../../protocol/backup/page.ts";
import {
  type Answer,
  GUARD_HEADERS,
  jsonAnswer,
  problemAnswer,
} from "../../protocol/http/answer.ts";
import { BYTES_TYPE } from "../../protocol/http/content-type.ts";
import { formatCursor, parseCursor } from "../../protocol/http/cursor.ts";
import { failureAnswer } from "../../protocol/http/kv-answers.ts";
import { splitTarget } from "../../protocol/http/kv-target.ts";
import { isProblem, type Problem, problem } from "../../protocol/http/problem.ts";
import {
  type Parameters,
  parseBackupParameters,
  parseNoParameters,
  parseParameters,
} from "../../protocol/http/query.ts";
import { isFromHere, isFromPage } from "./dashboard-routes.ts";
import type { ByteBudget, HttpLimits } from "./http-limits.ts";
import { withoutKnown } from "./known-digests.ts";
import { readBody } from "./read-body.ts";
import { announcesBody, refuse, sendAnswer } from "./send.ts";

/** Two halves, the first one first, most significant byte first. */
const SUM_BYTES = 8;

export interface BackupRouteOptions {
  readonly store: Store;
  readonly limits: HttpLimits;
  readonly budget: ByteBudget;
}

/** Serves the request if it is one of these; the router has the rest of the addresses. */
export function serveBackup(
  options: BackupRouteOptions,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { limits, budget } = options;
  const { url = "", method } = request;
  if (method !== "POST" || !url.includes(BACKUP_PATH)) return false;
  const target = splitTarget(url);
  const serve = target === undefined ? undefined : SERVED[target.path];
  if (target === undefined || serve === undefined) return false;
  const send = (answer: Answer): void => sendAnswer(response, answer, budget);
  const refuseWith = (why: Problem): void => {
    refuse(request, response, problemAnswer(why), limits, budget);
  };
  const parameters = parseParameters(target.query);
  const refusal = refusalOf(request) ?? (isProblem(parameters) ? parameters : undefined);
  if (refusal !== undefined || isProblem(parameters)) {
    refuseWith(refusal ?? (parameters as Problem));
    return true;
  }
  const answer = serve(options.store, parameters);
  if (isProblem(answer)) {
    refuseWith(answer);
    return true;
  }
  if (!announcesBody(request)) {
    answer(undefined, send);
    return true;
  }
  const bodyLimits = { bytesMax: KNOWN_CELLS_BYTES_MAX, bodyMs: limits.bodyMs };
  readBody(request, response, bodyLimits, budget, (body) => {
    if (isProblem(body)) refuseWith(body);
    else answer(body, send);
  });
  return true;
}

function refusalOf(request: IncomingMessage): Problem | undefined {
  // As with departures, until there are credentials.
  if (!isFromPage(request) || isFromHere(request)) return undefined;
  return problem("foreign-origin", "a page may take backups on the node's own machine only");
}

/** Answers once the body has come, if there is one. */
type Answering = (body: Uint8Array | undefined, done: (answer: Answer) => void) => void;

/** By address: what the parameters say is judged before the body is read. */
const SERVED: Readonly<
  Record<string, (store: Store, parameters: Parameters) => Answering | Problem>
> = { [BACKUP_PATH]: pageAnswer, [BACKUP_COMPARE_PATH]: comparisonAnswer };

function pageAnswer(store: Store, parameters: Parameters): Answering | Problem {
  const wanted = parseBackupParameters(parameters);
  if (isProblem(wanted)) return wanted;
  const start =
    wanted.cursor === undefined ? undefined : parseCursor(wanted.cursor, BACKUP_CURSOR_SCOPE);
  if (start !== undefined && isProblem(start)) return start;
  const cursor = start?.position;
  // The check of a cursor is none against forgery.
  if (cursor !== undefined && !isBackupCursor(cursor)) {
    const detail = "cursor is not one that a backup handed out; start without one";
    return problem("bad-parameter", detail, { name: "cursor" });
  }
  return (body, done) => {
    const known = body === undefined ? undefined : parseKnownCells(body);
    if (typeof known === "string") {
      done(problemAnswer(problem("bad-request", `the body tells of no known cells: ${known}`)));
      return;
    }
    store.backup({ ...wanted, cursor, slots: known?.slots }, (outcome) => {
      if (outcome.kind === "failed") return done(failureAnswer(outcome));
      const { next, thin } = outcome;
      const { cells, same } = withoutKnown(outcome.cells, known?.digests ?? []);
      const head = {
        cells: cells.length,
        ...(next === undefined ? {} : { cursor: formatCursor(next, BACKUP_CURSOR_SCOPE) }),
        ...(thin.length === 0 ? {} : { thin }),
        ...(known === undefined ? {} : { same: encodeSame(same, known.digests.length) }),
      };
      const headers = ["Content-Type", BYTES_TYPE, ...GUARD_HEADERS];
      done({ status: 200, headers, body: encodePage(head, cells) });
    });
  };
}

function comparisonAnswer(store: Store, parameters: Parameters): Answering | Problem {
  const refusal = parseNoParameters(parameters);
  if (isProblem(refusal)) return refusal;
  return (body, done) => {
    if (body?.length !== SUM_BYTES * SLOT_COUNT) {
      const detail = `the body is a sum of ${SUM_BYTES} bytes for each of ${SLOT_COUNT} slots`;
      return done(problemAnswer(problem("bad-request", detail)));
    }
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const sums = Uint32Array.from({ length: 2 * SLOT_COUNT }, (_none, at) =>
      view.getUint32(4 * at),
    );
    store.compareBackup({ firstSlot: slotFrom(0), sums }, (outcome) => {
      if (outcome.kind === "failed") done(failureAnswer(outcome));
      else done(jsonAnswer({ differing: outcome.differing }));
    });
  };
}
