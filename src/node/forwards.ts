/**
 * Read-modify-writes of this node's clients, on their way to whoever runs them: the key's first live primary, this node or
 * another.
 *
 * Invariant: each is begun at most once, and ends once, by its deadline. What was surely not begun (refused, or not sent) is
 * tried again, at whoever is first by then, for as long as there is time: members that come or go are seen differently by
 * different nodes for a while, and no request is to fail by that. Without an answer nobody knows what became of it, and it is
 * not tried again.
 */
import { type Linked, LinkedList } from "../base/linked-list.ts";
import type { BootId, NodeId } from "../model/ids.ts";
import type { Key } from "../model/key.ts";
import type { OperationOutcome } from "../model/operation.ts";
import type { Failure } from "../model/outcome.ts";
import type { PeerReply } from "../model/peer-message.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { encodeMessage } from "../protocol/peer/frame-codec.ts";
import type { ReplySink } from "./pending-requests.ts";
import type { ModifyRequest } from "./read-modify-write.ts";
import {
  failure,
  RESYNC_ROUNDS_MAX,
  type RequestContext,
  type RequestPeers,
} from "./request-context.ts";

/** Pauses between tries, doubled from one to the next and jittered: a connection stands after some 50 ms, or within seconds. */
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 400;

const DISAGREED =
  "the nodes do not agree yet on who runs what depends on what this key holds; nothing was stored";

type Done = (outcome: OperationOutcome) => void;

/** Numbers that this start has given to tries: whoever is asked tells one that comes twice by them. */
interface Sequences {
  last: number;
}

export interface ForwardsOptions {
  readonly context: Omit<RequestContext, "peers">;
  readonly clock: Clock;
  readonly random: Random;
  readonly boot: () => BootId;
  /** The first primary of a key that this node believes to be alive. */
  readonly firstLivePrimary: (key: Key) => NodeId | undefined;
  /** What a request asks the others through. */
  readonly peersFor: (request: ModifyRequest) => Pick<RequestPeers, "request">;
  /** Runs it at this node. */
  readonly run: (request: ModifyRequest, done: Done) => void;
}

export class Forwards {
  readonly #options: ForwardsOptions;
  readonly #underWay = new LinkedList<Forward>();
  readonly #sequences: Sequences = { last: 0 };

  constructor(options: ForwardsOptions) {
    this.#options = options;
  }

  /** Not answered yet. */
  get size(): number {
    return this.#underWay.size;
  }

  start(request: ModifyRequest, done: Done): void {
    const forward = new Forward(this.#options, this.#sequences, request, (outcome) => {
      this.#underWay.delete(forward);
      done(outcome);
    });
    this.#underWay.add(forward);
    forward.try();
  }

  /** Answers those whose time is up. Between two tries nobody else looks at it. */
  expire(nowMs: number): void {
    for (const forward of this.#underWay.members()) forward.expire(nowMs);
  }
}

class Forward implements ReplySink, Linked<Forward> {
  before: Forward | undefined = undefined;
  after: Forward | undefined = undefined;
  readonly #options: ForwardsOptions;
  readonly #sequences: Sequences;
  readonly #request: ModifyRequest;
  readonly #done: Done;
  #tries = 0;
  /** Somebody may be doing it. */
  #isOut = false;
  #isEnded = false;

  constructor(options: ForwardsOptions, sequences: Sequences, request: ModifyRequest, done: Done) {
    this.#options = options;
    this.#sequences = sequences;
    this.#request = request;
    this.#done = done;
  }

  try(): void {
    const { context, boot, firstLivePrimary, peersFor, run } = this.#options;
    const request = this.#request;
    const { key, operation, w, deadlineMs } = request;
    const first = firstLivePrimary(key);
    if (first === undefined) return this.#end(failure("quorum-unreachable", "no"));
    if (this.#tries === 0) context.counters.add("conditional-writes");
    this.#tries += 1;
    if (first === context.self) {
      this.#isOut = true;
      return run(request, (outcome) => this.#end(outcome));
    }
    this.#sequences.last += 1;
    const body = encodeMessage({
      kind: "forward",
      boot: boot(),
      sequence: this.#sequences.last,
      key,
      operation,
      w: w ?? 0,
    });
    this.#isOut = peersFor(request).request(first, body, deadlineMs, this, 0);
    if (!this.#isOut) this.#again(failure("quorum-unreachable", "no"));
  }

  onReply(from: NodeId, _token: number, reply: PeerReply): void {
    if (reply.kind === "forward-reply") {
      const { outcome } = reply;
      if (!isNotTaken(outcome)) return this.#end(outcome);
      this.#isOut = false;
      return this.#again(outcome);
    }
    const reason = reply.kind === "refused" ? reply.reason : "failed";
    if (reason === "seen" || reason === "failed") return this.onNoAnswer();
    this.#isOut = false;
    // Both tell each other whom they see, and mostly agree then.
    this.#options.context.resync(from, () => {
      if (this.#tries <= RESYNC_ROUNDS_MAX) this.#tryNow();
      else this.#again({ ...failure("not-ready", "no"), detail: DISAGREED });
    });
  }

  onNoAnswer(): void {
    this.#end(failure("timed-out", "maybe"));
  }

  expire(nowMs: number): void {
    if (this.#request.deadlineMs > nowMs) return;
    this.#end(failure("timed-out", this.#isOut ? "maybe" : "no"));
  }

  /** After a pause; where there is no time for it, that is how it ended. */
  #again(failed: Failure): void {
    const { context, clock, random } = this.#options;
    const longestMs = Math.min(
      PAUSE_MS_MAX,
      PAUSE_MS_MIN * 2 ** Math.max(0, this.#tries - RESYNC_ROUNDS_MAX - 1),
    );
    const pauseMs = longestMs - random.below(longestMs / 2);
    if (context.monotonicMs() + pauseMs >= this.#request.deadlineMs) return this.#end(failed);
    clock.after(pauseMs, () => this.#tryNow());
  }

  #tryNow(): void {
    if (!this.#isEnded) this.try();
  }

  #end(outcome: OperationOutcome): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#done(outcome);
  }
}

/** Whether whoever was asked did nothing because it has just started, or stops. */
function isNotTaken(outcome: OperationOutcome): outcome is Failure {
  if (outcome.kind !== "failed" || outcome.stored !== "no") return false;
  return outcome.code === "not-ready" || outcome.code === "shutting-down";
}
