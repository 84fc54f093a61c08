/**
 * RENAME, RENAMENX and COPY: what one key holds, to another, with its expiry.
 *
 * There is no step that covers two keys: the source is read, the target written, and a renamed source deleted after that. Who
 * reads meanwhile may see both keys. What is written to the source meanwhile is not lost: it is deleted only as it was read.
 * Where something fails halfway both keys may be left, never neither. A hash or set is read, written and compared as a whole, so
 * that it takes as long as it is large (`field-parts.ts`).
 */
import type { RootCell } from "../../../model/cell.ts";
import type { Key } from "../../../model/key.ts";
import { DEADLINE_MS_MAX } from "../../../model/limits.ts";
import type { Stamp } from "../../../model/stamp.ts";
import { OK, type Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { errorReply, failureReply, faultReply, SYNTAX_ERROR } from "../failures.ts";
import { integerAt, keyAt, wordAt } from "./arguments.ts";
import { FAST_WRITE, keyCommand, TWO_KEYS, WRITE } from "./command-shapes.ts";
import { type Content, type Replaced, replaceFields } from "./field-parts.ts";
import { blindOutcome, typeName } from "./one-key.ts";
import { ONE, ZERO } from "./replies.ts";

const NO_SUCH_KEY = errorReply("ERR no such key");
const SAME_KEY = errorReply("ERR source and destination objects are the same");
const NO_SUCH_DATABASE = errorReply("ERR DB index is out of range");

export const MOVE_COMMANDS: readonly Command[] = [
  keyCommand({
    name: "rename",
    arity: 3,
    flags: WRITE,
    keys: TWO_KEYS,
    summary: "Gives a key another name, in the place of what is there",
    run: (call) => rename(call, "always"),
  }),
  keyCommand({
    name: "renamenx",
    arity: 3,
    flags: FAST_WRITE,
    keys: TWO_KEYS,
    summary: "Gives a key another name if there is no key of that name",
    run: (call) => rename(call, "absent"),
  }),
  keyCommand({
    name: "copy",
    arity: -3,
    flags: WRITE,
    keys: TWO_KEYS,
    summary: "Copies what a key holds to another",
    run: copy,
  }),
];

function rename(call: Call, when: "always" | "absent"): void {
  const source = keyAt(call, 1);
  const target = source === undefined ? undefined : keyAt(call, 2);
  if (source === undefined || target === undefined) return;
  readHeld(call, source, (held) => {
    if (held === undefined) return call.reply(NO_SUCH_KEY);
    if (source === target) return call.reply(when === "always" ? OK : ZERO);
    writeCopy({ call, target, held, when }, (written) => {
      if (written === "there-is-one") return call.reply(ZERO);
      if (written !== "written") return call.reply(failureReply(written));
      deleteMoved({ call, source, held, reply: when === "always" ? OK : ONE });
    });
  });
}

/** What a key holds, and the stamp of all of it. */
type Held =
  | { readonly kind: "text"; readonly root: RootCell; readonly stamp: Stamp }
  | { readonly kind: "fields"; readonly content: Content; readonly stamp: Stamp };

/** Answers instead where the key cannot be read. */
function readHeld(call: Call, key: Key, done: (held: Held | undefined) => void): void {
  call.store.read({ key }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    if (outcome.kind === "absent") return done(undefined);
    const { root } = outcome;
    if (typeName(root) === "string") return done({ kind: "text", root, stamp: root.stamp });
    readFields(call, key, done);
  });
}

function readFields(call: Call, key: Key, done: (held: Held | undefined) => void): void {
  const query = { kind: "whole", type: "either" } as const;
  call.store.query({ key, query, deadlineMs: DEADLINE_MS_MAX }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    const { result } = outcome;
    if (result.kind === "page")
      return done({ kind: "fields", content: result, stamp: result.stamp });
    if (result.kind !== "fault") return done(undefined);
    // Somebody has put a text there meanwhile.
    if (result.fault === "wrong-type") readHeld(call, key, done);
    else call.reply(faultReply(result.fault));
  });
}

interface Copying {
  readonly call: Call;
  readonly target: Key;
  readonly held: Held;
  readonly when: "always" | "absent";
}

/** Writes what was read to the target. */
function writeCopy({ call, target, held, when }: Copying, done: (written: Replaced) => void): void {
  if (held.kind === "fields") {
    return replaceFields({ call, key: target, content: held.content, when }, done);
  }
  const { contentType, expiresAtMs, payload: value } = held.root;
  const content = { value, contentType, expiresAtMs };
  if (when === "always") {
    call.store.put({ key: target, ...content }, (outcome) => {
      const written = blindOutcome(outcome);
      if (written.kind === "failed") return done(written);
      call.session.noteWrite(written.quorum);
      done("written");
    });
    return;
  }
  const operation = { kind: "put-if", ...content, condition: { kind: "absent" } } as const;
  call.store.operate({ key: target, operation }, (outcome) => {
    if (outcome.kind === "failed") return done(outcome);
    if (outcome.stamp === undefined) return done("there-is-one");
    call.session.noteWrite(outcome.quorum);
    done("written");
  });
}

interface Moving {
  readonly call: Call;
  readonly source: Key;
  /** As it was read and copied. */
  readonly held: Held;
  readonly reply: Reply;
}

function deleteMoved({ call, source, held, reply }: Moving): void {
  const condition = { kind: "stamp-is", stamp: held.stamp } as const;
  const operation = { kind: "delete-if", condition } as const;
  const deadlineMs = held.kind === "fields" ? DEADLINE_MS_MAX : undefined;
  call.store.operate({ key: source, operation, deadlineMs }, (outcome) => {
    // Somebody wrote to the source since it was read: that came after the renaming, and stays. A failure is one of the
    // second half: the target has been written.
    if (outcome.kind === "applied") call.reply(reply);
    else call.reply(failureReply({ ...outcome, stored: "maybe" }));
  });
}

function copy(call: Call): void {
  const source = keyAt(call, 1);
  const target = source === undefined ? undefined : keyAt(call, 2);
  const when = target === undefined ? undefined : parseCopyOptions(call);
  if (source === undefined || target === undefined || when === undefined) return;
  if (source === target) return call.reply(SAME_KEY);
  readHeld(call, source, (held) => {
    if (held === undefined) return call.reply(ZERO);
    writeCopy({ call, target, held, when }, (written) => {
      if (written === "there-is-one") return call.reply(ZERO);
      call.reply(written === "written" ? ONE : failureReply(written));
    });
  });
}

/** There is one database, 0. */
function parseCopyOptions(call: Call): "always" | "absent" | undefined {
  let when: "always" | "absent" = "absent";
  for (let index = 3; index < call.args.length; index += 1) {
    const word = wordAt(call, index);
    if (word === "replace") when = "always";
    else if (word === "db" && index + 1 < call.args.length) {
      index += 1;
      const database = integerAt(call, index);
      if (database === undefined) return undefined;
      if (database !== 0n) return refuse(call, NO_SUCH_DATABASE);
    } else return refuse(call, SYNTAX_ERROR);
  }
  return when;
}

function refuse(call: Call, reply: Reply): undefined {
  call.reply(reply);
  return undefined;
}
