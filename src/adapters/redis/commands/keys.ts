/**
 * Keys of any type: whether they are there, what they hold, and deleting them. Those that take
 * several keys treat each on its own, at the same time as the others.
 */
import { majority } from "../../../core/replication/quorum.ts";
import type { RootCell } from "../../../model/cell.ts";
import type { Key } from "../../../model/key.ts";
import type { QuorumReport, ReadOutcome } from "../../../model/outcome.ts";
import type { Reply } from "../../../protocol/resp/reply.ts";
import type { Call, Command } from "../command.ts";
import { keyAt, keysFrom } from "./arguments.ts";
import { ALL_KEYS, FAST_READ, FAST_WRITE, keyCommand, WRITE } from "./command-shapes.ts";
import { EXPIRY_COMMANDS } from "./expiry.ts";
import { fanOut, noteWrites } from "./fan-out.ts";
import { FLUSH_COMMANDS } from "./flush.ts";
import { LISTING_COMMANDS } from "./listing.ts";
import { MOVE_COMMANDS } from "./moves.ts";
import { OBJECT_COMMANDS } from "./object.ts";
import { answerRoot, blindOutcome, typeName } from "./one-key.ts";
import { integerReply } from "./replies.ts";
import { SCAN_COMMANDS } from "./scan.ts";

export const KEY_COMMANDS: readonly Command[] = [
  keyCommand({
    name: "del",
    arity: -2,
    flags: WRITE,
    keys: ALL_KEYS,
    summary: "Deletes keys and gives how many there were",
    run: del,
  }),
  keyCommand({
    name: "unlink",
    arity: -2,
    flags: FAST_WRITE,
    keys: ALL_KEYS,
    summary: "Deletes keys and gives how many there were: the same as DEL",
    run: del,
  }),
  keyCommand({
    name: "exists",
    arity: -2,
    flags: FAST_READ,
    keys: ALL_KEYS,
    summary: "Gives how many of the keys exist, each as often as it is named",
    run: exists,
  }),
  keyCommand({
    name: "touch",
    arity: -2,
    flags: FAST_READ,
    keys: ALL_KEYS,
    summary: "Gives how many of the keys exist; when they were last used is not kept",
    run: exists,
  }),
  keyCommand({
    name: "type",
    arity: 2,
    flags: FAST_READ,
    summary: "Gives the type of what a key holds",
    run: type,
  }),
  ...MOVE_COMMANDS,
  ...EXPIRY_COMMANDS,
  ...OBJECT_COMMANDS,
  ...LISTING_COMMANDS,
  ...SCAN_COMMANDS,
  ...FLUSH_COMMANDS,
];

type Deletion =
  | { readonly kind: "written"; readonly wasThere: boolean; readonly quorum: QuorumReport }
  | { readonly kind: "nothing-there" };

/** A key that is named twice is there once. */
function del(call: Call): void {
  const keys = keysFrom(call, 1);
  if (keys === undefined) return;
  fanOut<Key, Deletion>(
    call,
    [...new Set(keys)],
    (key, done) => {
      call.store.read({ key }, (read) => {
        if (read.kind === "failed") return done(read);
        if (isSurelyAbsent(read)) return done({ kind: "nothing-there" });
        const wasThere = read.kind === "found";
        call.store.delete({ key }, (outcome) => {
          const written = blindOutcome(outcome);
          done(written.kind === "failed" ? written : { ...written, wasThere });
        });
      });
    },
    (deletions) => {
      const written = deletions.filter((deletion) => deletion.kind === "written");
      noteWrites(call, written);
      call.reply(integerReply(written.filter(({ wasThere }) => wasThere).length));
    },
  );
}

/**
 * Whether a quorum holds nothing. Where fewer answered, others may hold what these do not know of:
 * the key is deleted all the same, though it does not count.
 */
function isSurelyAbsent({ kind, quorum }: ReadOutcome): boolean {
  return kind === "absent" && quorum.acks >= majority(quorum.of);
}

function exists(call: Call): void {
  const keys = keysFrom(call, 1);
  if (keys === undefined) return;
  fanOut<Key, ReadOutcome>(
    call,
    keys,
    (key, done) => call.store.read({ key }, done),
    (reads) => call.reply(integerReply(reads.filter(({ kind }) => kind === "found").length)),
  );
}

function type(call: Call): void {
  const key = keyAt(call, 1);
  if (key !== undefined) answerRoot(call, key, typeReply);
}

function typeReply(root: RootCell | undefined): Reply {
  return { kind: "simple", text: root === undefined ? "none" : typeName(root) };
}
