/**
 * What each of the nodes that hold a key has of it, cell by cell and without merging: for people who want to see copies
 * differ and become equal again. Nothing is repaired by looking.
 *
 * Invariant: `done` is told once, at the latest when the answer of a peer is given up.
 */

import { hash53, hashBinary } from "../base/hash.ts";
import { COUNTER_PREFIX, HASH_PREFIX, SET_PREFIX } from "../core/causality/addresses.ts";
import { checksumOf } from "../core/causality/cell-codec.ts";
import type { Placement } from "../core/placement/placement.ts";
import { slotOfKey } from "../core/placement/slot-of-key.ts";
import type { CellType, EncodedCell, RootCell } from "../model/cell.ts";
import type { NodeId } from "../model/ids.ts";
import type { Field, Key } from "../model/key.ts";
import type { PeerReply } from "../model/peer-message.ts";
import { askForCell, type CellAnswer, sendRequest } from "./cell-answer.ts";
import type { CellStore, DecodedCell } from "./cell-store.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";
import type { CopyFields, KeyCopy } from "./store.ts";
import type { Votes } from "./votes.ts";

/** Fields of a container that are compared. */
const FIELDS_MAX = 256;

export interface CopiesPorts {
  readonly self: NodeId;
  readonly peers: Pick<Peers, "request">;
  readonly replica: Pick<Replica, "read">;
  readonly cells: Pick<CellStore, "find">;
  readonly votes: Pick<Votes, "has">;
  readonly placement: () => Placement;
  readonly monotonicMs: () => number;
}

/** Asks every primary and pending node, and as many fallbacks as there are copies. */
export function copiesOf(
  ports: CopiesPorts,
  key: Key,
  done: (copies: readonly KeyCopy[]) => void,
): void {
  const placement = ports.placement();
  const { primaries, pending, fallbacks } = placement.planOf(slotOfKey(key));
  const asked: (readonly [NodeId, KeyCopy["role"]])[] = [
    ...primaries.map((node) => [node, "primary"] as const),
    ...pending.map((node) => [node, "pending"] as const),
    ...fallbacks.slice(0, placement.replicas).map((node) => [node, "fallback"] as const),
  ];
  const copies: (KeyCopy | undefined)[] = asked.map(() => undefined);
  let left = asked.length;
  if (left === 0) return done([]);
  for (const [index, [node, role]] of asked.entries()) {
    copyAt(ports, key, node, (copy) => {
      copies[index] = { node, role, ...copy };
      left -= 1;
      if (left === 0) done(copies.filter((each) => each !== undefined));
    });
  }
}

type Found = Omit<KeyCopy, "node" | "role">;

function copyAt(ports: CopiesPorts, key: Key, node: NodeId, done: (copy: Found) => void): void {
  const place = { slot: slotOfKey(key), key, field: undefined };
  const tell = (kind: KeyCopy["kind"], hasVote: boolean, cell: DecodedCell | undefined): void => {
    if (cell === undefined) return done({ kind, hasVote, cell: undefined, fields: undefined });
    const shown = shownCell(cell);
    if (shown.kind !== "container") return done({ kind, hasVote, cell: shown, fields: undefined });
    fieldsAt(ports, key, node, shown.type, (fields) =>
      done({ kind, hasVote, cell: shown, fields }),
    );
  };
  if (node !== ports.self) {
    askForCell(ports, node, place, (answer) =>
      tell(kindOf(answer), hasVoteIn(answer), cellIn(answer)),
    );
    return;
  }
  const found = ports.cells.find(place.slot, key, undefined);
  const kind = found.kind === "failed" ? "silent" : found.kind;
  const cell =
    found.kind === "held" ? { field: undefined, cell: found.cell, bytes: found.bytes } : undefined;
  tell(kind, ports.votes.has(place.slot), cell);
}

function kindOf(answer: CellAnswer): KeyCopy["kind"] {
  if (answer.kind !== "voteless") return answer.kind;
  return answer.cell === undefined ? "absent" : "held";
}

function hasVoteIn({ kind }: CellAnswer): boolean {
  return kind === "held" || kind === "absent";
}

function cellIn(answer: CellAnswer): DecodedCell | undefined {
  return answer.kind === "held" || answer.kind === "voteless" ? answer.cell : undefined;
}

function shownCell({ cell, bytes }: DecodedCell): NonNullable<KeyCopy["cell"]> {
  const root = cell as RootCell;
  return {
    kind: root.kind,
    type: root.type,
    stamp: root.stamp,
    expiresAtMs: root.expiresAtMs,
    bytes: root.payload.length,
    checksum: checksumOf(bytes),
  };
}

/** The first fields of a container, summed up so that two nodes' can be compared. */
function fieldsAt(
  { self, peers, replica, monotonicMs }: CopiesPorts,
  key: Key,
  node: NodeId,
  type: CellType,
  done: (fields: CopyFields | undefined) => void,
): void {
  const prefix = type === "hash" ? HASH_PREFIX : type === "set" ? SET_PREFIX : COUNTER_PREFIX;
  const selection = { kind: "range", prefix, after: "" as Field, limit: FIELDS_MAX } as const;
  const message = { kind: "read", key, selection, want: "cells" } as const;
  const tell = (reply: PeerReply | undefined): void => {
    if (reply?.kind !== "cells-reply") return done(undefined);
    const fields = reply.cells.filter(({ field }) => field !== undefined);
    const isWhole = reply.through === undefined;
    done({ count: fields.length, isWhole, fingerprint: fingerprintOf(fields) });
  };
  if (node === self) replica.read(message, tell);
  else sendRequest({ peers, monotonicMs }, node, message, tell);
}

function fingerprintOf(cells: readonly EncodedCell[]): number {
  const parts = cells.map(({ field, bytes }) => `${field?.length} ${field} ${checksumOf(bytes)}`);
  return hash53(hashBinary(parts.join("\n")));
}
