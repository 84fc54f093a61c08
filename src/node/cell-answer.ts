/**
 * What another replica says of one cell, asked by whoever found its own damaged.
 *
 * Invariant: only who has a vote in the slot says that nothing is there; of who has none, what it holds is taken.
 * Source: docs/ARCHITECTURE.md, "Damage".
 */
import { encodeCell } from "../core/causality/cell-codec.ts";
import { mergeCells } from "../core/causality/merge.ts";
import type { CellPlace } from "../core/causality/storage-key.ts";
import type { MendingAnswers } from "../core/replication/mending.ts";
import type { EncodedCell } from "../model/cell.ts";
import type { NodeId } from "../model/ids.ts";
import type { PeerReply, PeerRequest } from "../model/peer-message.ts";
import { ROOT_ONLY } from "../model/selection.ts";
import { compareStamps, maxStamp, NO_STAMP, type Stamp } from "../model/stamp.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import { type DecodedCell, decodeAll } from "./cell-store.ts";
import type { Peers } from "./peers.ts";

/** A peer that takes longer has not answered. */
const ANSWER_MS_MAX = 5_000;

export type CellAnswer =
  /** `collected`: the C it names. */
  | { readonly kind: "held"; readonly cell: DecodedCell; readonly collected: Stamp }
  | { readonly kind: "absent"; readonly collected: Stamp }
  /** It has lost commits: this is what it holds, if anything. */
  | { readonly kind: "voteless"; readonly cell: DecodedCell | undefined }
  | { readonly kind: "damaged" | "silent" };

export interface AnswerPorts {
  readonly peers: Pick<Peers, "request">;
  readonly monotonicMs: () => number;
}

/** Asks for the cell in the words of a read, which only who has a vote answers; of who has none, for what it has. */
export function askForCell(
  ports: AnswerPorts,
  to: NodeId,
  place: CellPlace,
  done: (answer: CellAnswer) => void,
): void {
  const { slot, key, field } = place;
  const isRoot = field === undefined;
  const want = isRoot ? "cells" : "digest";
  sendRequest(ports, to, { kind: "read", key, selection: ROOT_ONLY, want }, (reply) => {
    const refusal = reply?.kind === "refused" ? reply.reason : undefined;
    const collected =
      reply?.kind === "cells-reply" || reply?.kind === "digest-reply" ? reply.collected : NO_STAMP;
    if (isRoot && refusal !== "voteless") return done(answerIn(reply, place, collected));
    // A damaged root is no word on its fields, nor is the size of what counts beside it. Who cannot say what it holds, or not yet, has not answered.
    const isWord =
      reply?.kind === "digest-reply" || refusal === "damaged" || refusal === "too-large";
    if (!isWord && refusal !== "voteless") return done({ kind: "silent" });
    sendRequest(ports, to, { kind: "fetch", wanted: [{ slot, key, field }] }, (fetched) => {
      const answer = answerIn(fetched, place, collected);
      const hasWord = answer.kind === "held" || answer.kind === "absent";
      if (isWord || !hasWord) return done(answer);
      done({ kind: "voteless", cell: answer.kind === "held" ? answer.cell : undefined });
    });
  });
}

/**
 * What the answers come to, and the cells that count. `collected`: the asker's own C. What only who has no vote holds is a
 * past: up to C it may be what was deleted, and collected, since.
 */
export function tallied(
  answers: readonly CellAnswer[],
  collected: Stamp,
): { readonly tally: MendingAnswers; readonly given: readonly DecodedCell[] } {
  let greatest = collected;
  for (const answer of answers) {
    if ("collected" in answer) greatest = maxStamp(greatest, answer.collected);
  }
  const tally = { held: 0, absent: 0, damaged: 0, silent: 0, voteless: 0, votelessHeld: 0 };
  const given: DecodedCell[] = [];
  for (const answer of answers) {
    const held = answer.kind === "held" || answer.kind === "voteless" ? answer.cell : undefined;
    if (answer.kind !== "voteless") tally[answer.kind] += 1;
    else if (held === undefined || compareStamps(held.cell.stamp, greatest) <= 0) {
      tally.voteless += 1;
      continue;
    } else tally.votelessHeld += 1;
    if (held !== undefined) given.push(held);
  }
  return { tally, given };
}

/** What the replicas hold together; `undefined` when none holds anything. */
export function merged(
  { key, field }: CellPlace,
  given: readonly DecodedCell[],
): DecodedCell | undefined {
  let whole: DecodedCell | undefined;
  for (const cell of given) {
    const after = mergeCells(whole?.cell, cell.cell);
    if (after === whole?.cell) continue;
    whole =
      after === cell.cell ? cell : { field, cell: after, bytes: encodeCell(after, key, field) };
  }
  return whole;
}

/** Asks one peer; `undefined` when it has not answered within ANSWER_MS_MAX. */
export function sendRequest(
  { peers, monotonicMs }: AnswerPorts,
  to: NodeId,
  request: PeerRequest,
  done: (reply: PeerReply | undefined) => void,
): void {
  const sink = {
    onReply: (_from: NodeId, _token: number, reply: PeerReply): void => done(reply),
    onNoAnswer: (): void => done(undefined),
  };
  const deadlineMs = monotonicMs() + ANSWER_MS_MAX;
  if (!peers.request(to, encodeMessage(request), deadlineMs, sink, 0)) done(undefined);
}

function answerIn(
  reply: PeerReply | undefined,
  { key, field }: CellPlace,
  collected: Stamp,
): CellAnswer {
  if (reply?.kind === "refused" && reply.reason === "damaged") return { kind: "damaged" };
  if (reply?.kind === "fetch-reply" && reply.unreadable.length > 0) return { kind: "damaged" };
  const cells = cellsOf(reply);
  if (cells === undefined) return { kind: "silent" };
  const given = cells.find((cell) => cell.field === field);
  if (given === undefined) return { kind: "absent", collected };
  const cell = decodeAll(key, [given])?.[0];
  return cell === undefined ? { kind: "damaged" } : { kind: "held", cell, collected };
}

/** The cells that one key's answer carries; `undefined` when it is none. */
function cellsOf(reply: PeerReply | undefined): readonly EncodedCell[] | undefined {
  if (reply?.kind === "cells-reply") return reply.cells;
  return reply?.kind === "fetch-reply" ? reply.parts.flatMap(({ cells }) => cells) : undefined;
}
