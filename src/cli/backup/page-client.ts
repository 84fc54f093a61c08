/**
 * Asks nodes for the pages of a backup: one of them, until it does not answer; then others that it named.
 *
 * Invariant: a page is asked for again, of whichever node, with the same cursor: nothing about a backup is kept in a node. A node of
 * an earlier version, which cannot compare, is asked for everything.
 */
import { setTimeout as wait } from "node:timers/promises";
import { slotRange } from "../../core/causality/storage-key.ts";
import type { ThinSlots } from "../../model/backup.ts";
import type { KeyedCell } from "../../model/peer-message.ts";
import { parseSlot, type Slot } from "../../model/slot.ts";
import type { StorageKey } from "../../ports/storage.ts";
import { RecordReader } from "../../protocol/backup/cell-record.ts";
import { encodeKnownCells, parseSame } from "../../protocol/backup/known-cells.ts";
import {
  BACKUP_COMPARE_PATH,
  BACKUP_CURSOR_SCOPE,
  BACKUP_PATH,
  type PageHead,
  parsePage,
} from "../../protocol/backup/page.ts";
import { parseCursor } from "../../protocol/http/cursor.ts";
import { isProblem } from "../../protocol/http/problem.ts";
import { CliError, failure } from "../cli-error.ts";
import { askCluster } from "../cluster-view.ts";
import { NodeClient, query } from "../node-client.ts";
import { remark } from "../output.ts";

/** For one page, retries and all. */
const PATIENCE_MS = 120_000;
const PAUSE_MS_FIRST = 100;
const PAUSE_MS_MAX = 5_000;
const DEADLINE_SECONDS = 20;
/** What passes by itself: a node that starts, a cut that heals, damage that is mended, a queue that drains. */
const PASSING = new Set([
  "overloaded",
  "not-ready",
  "timed-out",
  "quorum-unreachable",
  "damaged",
  "shutting-down",
  "no-answer",
  "no-node",
  "foreign-cluster",
]);
/** It is of this node, and another may do better. */
const ELSEWHERE = new Set([
  "no-answer",
  "no-node",
  "shutting-down",
  "not-ready",
  "overloaded",
  "foreign-cluster",
]);

export interface SlotRange {
  readonly firstSlot: number;
  readonly lastSlot: number;
}

export interface FetchedPage {
  readonly records: Uint8Array;
  readonly cells: number;
  readonly cursor: string | undefined;
  readonly thin: readonly ThinSlots[];
}

/** Some cells as they go into a file, in storage order. */
export interface Part {
  readonly cells: readonly KeyedCell[];
  readonly records: Uint8Array;
  readonly thin: readonly ThinSlots[];
}

/** What is asked about slots of which something is known. */
export interface KnownSlots {
  /** In ascending order, one at least. */
  readonly slots: readonly Slot[];
  /** As the page before gave it, in one of these slots or before. */
  readonly cursor: string | undefined;
  /** Of what is known of them behind the cursor, in storage order, from the first on. */
  readonly digests: readonly Uint8Array[];
}

export interface KnownPage extends FetchedPage {
  /** Up to there, in those slots, everything is in the page or is the same. */
  readonly end: StorageKey;
  /** Whether the node holds the cell that has this digest, and has left it out. */
  readonly isSame: (index: number) => boolean;
}

export class PageClient {
  readonly #clients: NodeClient[];
  /** Those of an earlier version, which compare nothing. */
  readonly #plain = new Set<NodeClient>();
  /** Bodies of questions and answers. */
  bytesSent = 0;
  bytesReceived = 0;
  readonly #allowsThin: boolean;
  readonly #cluster: string;
  /** Which of them is asked. */
  #current = 0;
  /** Whom it is may have changed: an address can become another cluster's. */
  #isUnsure = false;

  /** @param others where other members listen, in no order. */
  constructor(
    first: NodeClient,
    others: readonly string[],
    options: { readonly cluster: string; readonly allowsThin: boolean },
  ) {
    this.#clients = [first, ...others.map((url) => new NodeClient(url))];
    this.#cluster = options.cluster;
    this.#allowsThin = options.allowsThin;
  }

  /** Lets go of the connections to others; the first is its owner's. */
  close(): void {
    for (const client of this.#clients.slice(1)) client.close();
  }

  /** The next page of a range; `cursor` is that of the page before. Throws `CliError`. */
  fetch(range: SlotRange, cursor: string | undefined): Promise<FetchedPage> {
    return this.#persist((client) => this.#page(client, range, cursor, undefined));
  }

  /** The next page of some slots, without what is known. Throws `CliError`. */
  fetchUnknown(known: KnownSlots): Promise<KnownPage> {
    return this.#persist(async (client) => {
      if (!this.#plain.has(client)) {
        try {
          return await this.#unknownPage(client, known);
        } catch (error) {
          // It takes no body.
          if (!(error instanceof CliError) || error.code !== "bad-request") throw error;
          this.#plain.add(client);
        }
      }
      return await this.#plainPage(client, known);
    });
  }

  /** Slots that may hold something else than those sums say; `undefined` where the node cannot tell. Throws `CliError`. */
  compare(sums: Uint32Array): Promise<readonly number[] | undefined> {
    const body = Buffer.allocUnsafe(4 * sums.length);
    for (const [index, half] of sums.entries()) body.writeUInt32BE(half, 4 * index);
    return this.#persist(async (client) => {
      try {
        const answer = await this.#send(client, BACKUP_COMPARE_PATH, body);
        return differingIn(answer);
      } catch (error) {
        if (error instanceof CliError && error.code === "route-not-found") return undefined;
        throw error;
      }
    });
  }

  async #persist<Got>(ask: (client: NodeClient) => Promise<Got>): Promise<Got> {
    const endMs = performance.now() + PATIENCE_MS;
    for (let tryCount = 1; ; tryCount += 1) {
      const asked = this.#current;
      try {
        return await ask(await this.#sure(asked));
      } catch (error) {
        if (!(error instanceof CliError) || !PASSING.has(error.code)) throw error;
        if (performance.now() >= endMs) throw withAdvice(error, this.#allowsThin);
        if (ELSEWHERE.has(error.code) && this.#current === asked) this.#goOn(error);
        await wait(Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** Math.min(tryCount - 1, 10)));
      }
    }
  }

  /** From now on the next node is asked. */
  #goOn(error: CliError): void {
    this.#isUnsure = true;
    if (this.#clients.length === 1) return;
    this.#current = (this.#current + 1) % this.#clients.length;
    remark(`${error.message}; going on with ${this.#clients[this.#current]?.url}`);
  }

  /** The client, once it is sure that it is of this cluster. */
  async #sure(index: number): Promise<NodeClient> {
    const client = this.#clients[index] as NodeClient;
    if (this.#isUnsure) {
      const { cluster } = await askCluster(client);
      if (cluster !== this.#cluster) {
        throw failure("foreign-cluster", `${client.url} is a node of another cluster`);
      }
      this.#isUnsure = false;
    }
    return client;
  }

  async #unknownPage(client: NodeClient, known: KnownSlots): Promise<KnownPage> {
    const { slots, cursor, digests } = known;
    const page = await this.#page(client, undefined, cursor, encodeKnownCells(known));
    const isSame = parseSame(page.same ?? "", digests.length);
    if (typeof isSame === "string") throw failure("bad-page", `${client.url}: ${isSame}`);
    return { ...page, isSame, end: endOf(page, slots.at(-1) as Slot) };
  }

  /** As much as one question without a body can ask for. */
  async #plainPage(client: NodeClient, { slots, cursor }: KnownSlots): Promise<KnownPage> {
    const firstSlot = slots[0] as Slot;
    let lastSlot = firstSlot;
    for (const slot of slots.slice(1)) {
      if (slot !== lastSlot + 1) break;
      lastSlot = slot;
    }
    const page = await this.#page(client, { firstSlot, lastSlot }, cursor, undefined);
    return { ...page, isSame: () => false, end: endOf(page, lastSlot) };
  }

  async #page(
    client: NodeClient,
    range: SlotRange | undefined,
    cursor: string | undefined,
    known: Uint8Array | undefined,
  ): Promise<FetchedPage & { readonly same: string | undefined }> {
    const parameters = query({
      first: range === undefined ? undefined : String(range.firstSlot),
      last: range === undefined ? undefined : String(range.lastSlot),
      cursor,
      thin: this.#allowsThin ? "true" : undefined,
      deadline: String(DEADLINE_SECONDS),
    });
    const body = await this.#send(client, `${BACKUP_PATH}?${parameters}`, known);
    const page = parsePage(body);
    // Cut on its way, or by something that is no node.
    if (typeof page === "string") throw failure("no-answer", `${client.url}: ${page}`);
    const { cells, cursor: next, thin = [], same }: PageHead = page.head;
    return { records: page.records, cells, cursor: next, thin, same };
  }

  async #send(client: NodeClient, target: string, sent: Uint8Array | undefined): Promise<Buffer> {
    const { body } = await client.ask({ method: "POST", target, body: sent });
    this.bytesSent += sent?.length ?? 0;
    this.bytesReceived += body.length;
    return body;
  }
}

/** Throws where they are not those that its head announces. */
export function cellsIn({ records, cells }: FetchedPage): readonly KeyedCell[] {
  const reader = new RecordReader();
  const found = reader.feed(records);
  if (typeof found === "string") throw failure("bad-page", `a page of the backup: ${found}`);
  if (!reader.isAtEnd || found.length !== cells) {
    throw failure("bad-page", `a page of the backup has ${found.length} cells of ${cells}`);
  }
  return found;
}

/** Up to where a page goes. */
function endOf({ cursor }: FetchedPage, lastSlot: Slot): StorageKey {
  if (cursor === undefined) return slotRange(lastSlot).before;
  const parsed = parseCursor(cursor, BACKUP_CURSOR_SCOPE);
  if (isProblem(parsed)) throw failure("bad-page", "a page of the backup goes on nowhere");
  return parsed.position;
}

function differingIn(body: Buffer): readonly number[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString("utf8"));
  } catch {
    parsed = undefined;
  }
  const differing = (parsed as { readonly differing?: unknown } | undefined)?.differing;
  const areSlots =
    Array.isArray(differing) && differing.every((slot) => parseSlot(slot) !== undefined);
  // Cut on its way, or by something that is no node.
  if (!areSlots) throw failure("no-answer", "a comparison that names no slots");
  return differing as number[];
}

function withAdvice(error: CliError, allowsThin: boolean): CliError {
  if (allowsThin || error.code !== "quorum-unreachable") return error;
  const { message, exit, code, facts } = error;
  const hint = "bring the nodes back, or take what there is with --allow-thin";
  return new CliError(message, { exit, code, hint, facts });
}
