/**
 * The differential test: the same seeded random commands to two servers, in the same order, and every reply compared.
 * After a difference the keys of it are made equal on both sides, so that one difference is told once. What replies do
 * not show is found by comparing all keys now and then.
 */
import { setTimeout as wait } from "node:timers/promises";
import { Prng } from "../../../src/base/prng.ts";
import type { Reply } from "../reply-parser.ts";
import type { Request } from "../resp-client.ts";
import { choiceOf, choiceProblem } from "./choice.ts";
import { comparisonOf } from "./commands.ts";
import { commandOf, isEqual, itemsOf, showRequest } from "./compare.ts";
import { type Difference, keysOf } from "./difference.ts";
import { Findings, History } from "./findings.ts";
import { Generator, type Operation } from "./generator.ts";
import type { KnownDifference } from "./known-differences.ts";
import { scanAll } from "./scan.ts";
import { type Endpoint, type Plant, Side } from "./side.ts";
import { differingKeys, makeEqual } from "./state.ts";

export interface DifferentialOptions {
  readonly commandCount: number;
  readonly seed: number;
  /** Under test. */
  readonly left: Endpoint;
  readonly right: Endpoint;
  readonly known: readonly KnownDifference[];
  /** On the left side. */
  readonly plant?: Plant;
}

export interface DifferentialReport {
  readonly commandCount: number;
  readonly counts: ReadonlyMap<string, CommandCount>;
  readonly findings: Findings;
  /** A side could not be reached any more. */
  readonly failure: string | undefined;
}

/** Of one command: how often it was sent, and what the reference said. */
export interface CommandCount {
  sent: number;
  errors: number;
  /** Null, zero or nothing. */
  empty: number;
}

/** What is sent before replies are waited for. */
const BATCH_MAX = 16;
const COMPARE_ALL_EVERY = 1_000;
/** Longer than what is set to expire lives. */
const EXPIRED_MS = 60;
const NO_REPLY: Reply = { kind: "error", text: "(no reply)" };

export async function runDifferential(options: DifferentialOptions): Promise<DifferentialReport> {
  const left = await Side.open(options.left, options.plant);
  const right = await Side.open(options.right);
  const run = new DifferentialRun(left, right, options);
  try {
    return await run.run();
  } finally {
    left.close();
    right.close();
  }
}

class DifferentialRun {
  readonly #left: Side;
  readonly #right: Side;
  readonly #options: DifferentialOptions;
  readonly #generator: Generator;
  readonly #history = new History();
  readonly #findings: Findings;
  readonly #counts = new Map<string, CommandCount>();
  #commandCount = 0;
  #batch: Request[] = [];
  /** What is queued in a transaction that is open. */
  #queued: Request[] | undefined;

  constructor(left: Side, right: Side, options: DifferentialOptions) {
    this.#left = left;
    this.#right = right;
    this.#options = options;
    this.#findings = new Findings(options.known);
    this.#generator = new Generator(new Prng(options.seed), Date.now());
  }

  async run(): Promise<DifferentialReport> {
    let failure: string | undefined;
    try {
      await this.#ask([["FLUSHALL"]]);
      let compareAt = COMPARE_ALL_EVERY;
      while (this.#commandCount < this.#options.commandCount) {
        await this.#step(this.#generator.next());
        if (this.#commandCount < compareAt) continue;
        compareAt += COMPARE_ALL_EVERY;
        await this.#flush();
        await this.#compareAll();
      }
      await this.#flush();
      await this.#compareAll();
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    const [counts, findings] = [this.#counts, this.#findings];
    return { commandCount: this.#commandCount, counts, findings, failure };
  }

  async #step(operation: Operation): Promise<void> {
    if (operation.kind === "requests") {
      this.#batch.push(...operation.requests);
      if (this.#batch.length >= BATCH_MAX) await this.#flush();
      return;
    }
    await this.#flush();
    switch (operation.kind) {
      case "inline":
        await this.#compareReplies([operation.request], "line");
        return;
      case "protocol":
        await this.#compareReplies([["HELLO", operation.version]]);
        return;
      case "random":
        await this.#compareChoice(operation.request);
        return;
      case "scan":
        await this.#compareScan(operation.request);
        return;
      case "expiring":
        await this.#compareReplies(operation.requests);
        await wait(EXPIRED_MS);
        await this.#compareReplies([operation.after]);
        return;
      case "quit":
        await this.#compareReplies([["QUIT"]]);
        await this.#reopen();
    }
  }

  async #flush(): Promise<void> {
    const requests = this.#batch;
    this.#batch = [];
    if (requests.length > 0) await this.#compareReplies(requests);
  }

  /** Replies of both sides; where a connection ends, that is a difference and both begin anew. */
  async #ask(
    requests: readonly Request[],
    form: "words" | "line" = "words",
  ): Promise<readonly [left: readonly Reply[], right: readonly Reply[]] | undefined> {
    const answers = [this.#left.ask(requests, form), this.#right.ask(requests, form)];
    const [left, right] = await Promise.allSettled(answers);
    const answered = right?.status === "fulfilled" ? right.value : [];
    for (const [index, request] of requests.entries()) this.#count(request, answered[index]);
    if (left?.status === "fulfilled" && right?.status === "fulfilled") {
      return [left.value, right.value];
    }
    const ended = (answer: typeof left): Reply =>
      answer?.status === "fulfilled"
        ? { kind: "array", items: answer.value }
        : { kind: "error", text: `(no reply: ${String(answer?.reason)})` };
    const note = `the last of ${requests.length} that were sent at once`;
    const request = requests.at(-1) ?? [];
    const difference = { request, left: ended(left), right: ended(right), note };
    this.#findings.add(difference, requests.map(showRequest));
    await this.#reopen();
    await this.#compareAll();
    return undefined;
  }

  async #reopen(): Promise<void> {
    this.#queued = undefined;
    await Promise.all([this.#left.reopen(), this.#right.reopen()]);
  }

  async #compareReplies(
    requests: readonly Request[],
    form: "words" | "line" = "words",
  ): Promise<void> {
    const replies = await this.#ask(requests, form);
    if (replies === undefined) return;
    const [lefts, rights] = replies;
    const spoilt = new Set<string>();
    let isSpoilt = false;
    for (const [index, request] of requests.entries()) {
      const [left, right] = [lefts[index] ?? NO_REPLY, rights[index] ?? NO_REPLY];
      this.#history.add(request, right);
      const queued = this.#queued ?? [];
      for (const difference of this.#compare(request, left, right)) {
        const keys = keysOf(difference.request);
        // What follows on a key that differs already, differs because of that.
        const isFollowing = isSpoilt && (keys.length === 0 || keys.some((key) => spoilt.has(key)));
        if (!isFollowing) this.#add(difference);
        for (const key of keys) spoilt.add(key);
        // Wherever it stands: only one of the two has such a key.
        if (difference.request.includes("")) spoilt.add("");
        // One of the two may have run what the other did not.
        if (commandOf(request) === "EXEC")
          for (const key of queued.flatMap(keysOf)) spoilt.add(key);
        isSpoilt = true;
      }
    }
    if (isSpoilt) await this.#restore(spoilt);
  }

  #compare(request: Request, left: Reply, right: Reply): readonly Difference[] {
    const command = commandOf(request);
    const queued = this.#queued;
    if (right.kind === "simple" && right.text === "QUEUED") queued?.push(request);
    else if (command === "MULTI" && right.kind === "simple") this.#queued = [];
    else if (/^(EXEC|DISCARD|RESET)$/.test(command)) this.#queued = undefined;

    const [items, others] = [itemsOf(left), itemsOf(right)];
    const isExecuted = command === "EXEC" && left.kind === "array" && right.kind === "array";
    if (isExecuted && queued !== undefined && items.length === others.length) {
      return queued.flatMap((one, index) => {
        const [item, other] = [items[index] ?? NO_REPLY, others[index] ?? NO_REPLY];
        if (isEqual(comparisonOf(one), item, other)) return [];
        return [{ request: one, left: item, right: other, note: "in a transaction" }];
      });
    }
    if (isEqual(comparisonOf(request), left, right)) return [];
    return [{ request, left, right, note: "" }];
  }

  async #compareChoice(request: Request): Promise<void> {
    const asked = choiceOf(request);
    const requests = asked === undefined ? [request] : [asked, request, asked];
    const replies = await this.#ask(requests);
    if (replies === undefined) return;
    const [left, right] = replies.map((all) => ({
      request,
      before: all[0] ?? NO_REPLY,
      reply: all[asked === undefined ? 0 : 1] ?? NO_REPLY,
      after: all.at(-1) ?? NO_REPLY,
    }));
    if (left === undefined || right === undefined) throw new Error("two sides, two answers");
    this.#history.add(request, right.reply);
    const problem = asked === undefined ? undefined : choiceProblem(left);
    const isAlike =
      isEqual("random", left.reply, right.reply) &&
      itemsOf(left.reply).length === itemsOf(right.reply).length;
    if (problem !== undefined || !isAlike) {
      const note = problem ?? "";
      this.#add({ request, left: left.reply, right: right.reply, note });
    }
    const isChange = commandOf(request) === "SPOP" && right.reply.kind !== "error";
    if (isChange || problem !== undefined || !isAlike) await this.#restore(keysOf(request));
  }

  async #compareScan(request: Request): Promise<void> {
    const first = await this.#ask([request]);
    if (first === undefined) return;
    const [[left = NO_REPLY], [right = NO_REPLY]] = first;
    this.#history.add(request, right);
    let difference: Difference | undefined;
    if (!isEqual("scan", left, right)) difference = { request, left, right, note: "" };
    else if (right.kind === "array") {
      const [all, others] = await Promise.all([
        scanAll(this.#left, request, left),
        scanAll(this.#right, request, right),
      ]);
      if (!isEqual("sorted", all, others)) {
        difference = { request, left: all, right: others, note: "the whole iteration" };
      }
    }
    if (difference === undefined) return;
    this.#add(difference);
    await this.#restore(keysOf(request));
  }

  #add(difference: Difference): void {
    this.#findings.add(difference, this.#history.of(difference.request));
  }

  #count(request: Request, reply: Reply = NO_REPLY): void {
    this.#commandCount += 1;
    const command = commandOf(request);
    const count = this.#counts.get(command) ?? { sent: 0, errors: 0, empty: 0 };
    this.#counts.set(command, count);
    count.sent += 1;
    if (reply.kind === "error") count.errors += 1;
    else if (isEmpty(reply)) count.empty += 1;
  }

  /** After a difference that names no key, any may be it. */
  async #restore(keys: Iterable<string>): Promise<void> {
    const named = [...keys];
    for (const key of named) {
      this.#history.restart(key, await makeEqual(this.#left, this.#right, key));
    }
    if (named.length === 0) await this.#compareAll();
  }

  async #compareAll(): Promise<void> {
    for (const [key, difference] of await differingKeys(this.#left, this.#right)) {
      this.#add(difference);
      this.#history.restart(key, await makeEqual(this.#left, this.#right, key));
    }
  }
}

function isEmpty(reply: Reply): boolean {
  if ("items" in reply) return reply.items.length === 0;
  return !("text" in reply) || reply.text === "" || reply.text === "0";
}
