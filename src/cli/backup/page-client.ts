/**
 * Asks nodes for the pages of a backup: one of them, until it does not answer; then others that it named.
 *
 * Invariant: a page is asked for again, of whichever node, with the same cursor: nothing about a backup is kept in a node.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { ThinSlots } from "../../model/backup.ts";
import { type PageHead, parsePage } from "../../protocol/backup/page.ts";
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

export class PageClient {
  readonly #clients: NodeClient[];
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
  async fetch(range: SlotRange, cursor: string | undefined): Promise<FetchedPage> {
    const endMs = performance.now() + PATIENCE_MS;
    for (let tryCount = 1; ; tryCount += 1) {
      const asked = this.#current;
      try {
        return await this.#ask(asked, range, cursor);
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

  async #ask(index: number, range: SlotRange, cursor: string | undefined): Promise<FetchedPage> {
    const client = this.#clients[index] as NodeClient;
    if (this.#isUnsure) {
      const { cluster } = await askCluster(client);
      if (cluster !== this.#cluster) {
        throw failure("foreign-cluster", `${client.url} is a node of another cluster`);
      }
      this.#isUnsure = false;
    }
    const parameters = query({
      first: String(range.firstSlot),
      last: String(range.lastSlot),
      cursor,
      thin: this.#allowsThin ? "true" : undefined,
      deadline: String(DEADLINE_SECONDS),
    });
    const target = `/cluster/backup?${parameters}`;
    const { body } = await client.ask({ method: "POST", target });
    const page = parsePage(body);
    // Cut on its way, or by something that is no node.
    if (typeof page === "string") throw failure("no-answer", `${client.url}: ${page}`);
    const { cells, cursor: next, thin = [] }: PageHead = page.head;
    return { records: page.records, cells, cursor: next, thin };
  }
}

function withAdvice(error: CliError, allowsThin: boolean): CliError {
  if (allowsThin || error.code !== "quorum-unreachable") return error;
  const { message, exit, code, facts } = error;
  const hint = "bring the nodes back, or take what there is with --allow-thin";
  return new CliError(message, { exit, code, hint, facts });
}
