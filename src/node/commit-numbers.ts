/**
 * The greatest commit number this node has heard of each other member: what that member has said to be durable. A member
 * that comes back with a lesser one has lost its latest commits: an old disk was put back, or the end of a log was lost.
 *
 * Invariant: what is remembered of a member only grows while it is a member. It is on disk a few seconds after it was
 * heard; what a whole cluster forgets at once, by a loss of power, nobody can hold against anybody.
 * Source: docs/ARCHITECTURE.md, "Amnesia"; decision 0011.
 */
import { decodeAll } from "../base/byte-reader.ts";
import { ByteWriter } from "../base/byte-writer.ts";
import { metaKey } from "../core/causality/storage-key.ts";
import type { NodeId } from "../model/ids.ts";
import type { Storage } from "../ports/storage.ts";
import { readNodeId, writeId } from "../protocol/peer/message-parts.ts";
import type { GroupCommit } from "./group-commit.ts";
import { opened, sealed } from "./sealed.ts";

const HEARD = metaKey("heard");
/** How often what was heard is written down, at most. */
export const STORE_HEARD_MS = 2_000;

export class CommitNumbers {
  readonly #commit: GroupCommit;
  readonly #heard: Map<NodeId, number>;
  #isChanged = false;

  /** Throws `StorageError` when the disk cannot be read; what is damaged there is heard again. */
  constructor(options: { readonly commit: GroupCommit; readonly storage: Storage }) {
    this.#commit = options.commit;
    this.#heard = load(options.storage);
  }

  /** The greatest number heard of `node`; 0 for none. */
  of(node: NodeId): number {
    return this.#heard.get(node) ?? 0;
  }

  hear(node: NodeId, commitNumber: number): void {
    if (commitNumber <= this.of(node)) return;
    this.#heard.set(node, commitNumber);
    this.#isChanged = true;
  }

  /** A commit failed: what was written down may not be. */
  noteUnstored(): void {
    this.#isChanged = true;
  }

  /** Writes down what has changed, without those who are no members any more. */
  store(isMember: (node: NodeId) => boolean): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    for (const node of this.#heard.keys()) if (!isMember(node)) this.#heard.delete(node);
    const writer = new ByteWriter();
    writer.u16(this.#heard.size);
    for (const [node, commitNumber] of this.#heard) {
      writeId(writer, node);
      writer.u53(commitNumber);
    }
    this.#commit.put(HEARD, sealed(writer.finish()));
  }
}

function load(storage: Storage): Map<NodeId, number> {
  const heard = new Map<NodeId, number>();
  const bytes = opened(storage.get(HEARD));
  if (typeof bytes !== "object") return heard;
  decodeAll(bytes, (reader) => {
    const count = reader.u16();
    for (let index = 0; index < count; index += 1) {
      const node = readNodeId(reader);
      heard.set(node, reader.u53());
    }
  });
  return heard;
}
