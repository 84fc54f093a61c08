/**
 * SMOVE: a member from one set to another.
 *
 * There is no step that covers two keys: the member is added to the target, then taken from the source. Who reads meanwhile may see
 * it in both; where something fails halfway it may stay in both, never in neither. Of several that move one member at once only
 * one takes it from the source, and answers 1; the member is then in the targets of all of them.
 */
import type { Key } from "../../../model/key.ts";
import type { Call, Command } from "../command.ts";
import { failureReply, faultReply, WRONG_TYPE } from "../failures.ts";
import { keyAt } from "./arguments.ts";
import { FAST_WRITE, setCommand, TWO_KEYS } from "./command-shapes.ts";
import { nameAt } from "./field-arguments.ts";
import { answerRoot, resultReply, typeName } from "./one-key.ts";
import { askValues } from "./one-query.ts";
import { ONE, ZERO } from "./replies.ts";

export const SMOVE_COMMANDS: readonly Command[] = [
  setCommand({
    name: "smove",
    arity: 4,
    flags: FAST_WRITE,
    keys: TWO_KEYS,
    summary: "Moves a member from one set to another",
    run: smove,
  }),
];

interface Move {
  readonly call: Call;
  readonly source: Key;
  readonly target: Key;
  readonly member: string;
}

function smove(call: Call): void {
  const source = keyAt(call, 1);
  const target = source === undefined ? undefined : keyAt(call, 2);
  const member = target === undefined ? undefined : nameAt(call, 3);
  if (source === undefined || target === undefined || member === undefined) return;
  const move = { call, source, target, member };
  askValues(call, source, { kind: "set-has", members: [member] }, ([is]) => {
    if (source === target) call.reply(is === undefined ? ZERO : ONE);
    else if (is === undefined) refuse(move);
    else addToTarget(move);
  });
}

/** Nothing to move: a target of another type is told only where there is a source. */
function refuse({ call, source, target }: Move): void {
  call.store.read({ key: source }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    if (outcome.kind === "absent") return call.reply(ZERO);
    answerRoot(call, target, (root) => {
      return root === undefined || typeName(root) === "set" ? ZERO : WRONG_TYPE;
    });
  });
}

function addToTarget(move: Move): void {
  const { call, target, member } = move;
  const operation = { kind: "set-add", members: [member] } as const;
  call.store.operate({ key: target, operation }, (outcome) => {
    if (outcome.kind === "failed") return call.reply(failureReply(outcome));
    if (outcome.stamp !== undefined) call.session.noteWrite(outcome.quorum);
    if (outcome.result.kind === "fault") return call.reply(faultReply(outcome.result.fault));
    takeFromSource(move, outcome.stamp !== undefined);
  });
}

function takeFromSource({ call, source, member }: Move, isAdded: boolean): void {
  const operation = { kind: "set-remove", members: [member] } as const;
  call.store.operate({ key: source, operation }, (outcome) => {
    if (outcome.kind === "failed") {
      call.reply(failureReply(isAdded ? { ...outcome, stored: "maybe" } : outcome));
      return;
    }
    if (outcome.stamp !== undefined) call.session.noteWrite(outcome.quorum);
    call.reply(resultReply(outcome.result));
  });
}
