/**
 * The fields of a hash, or members of a set, page by page, in byte order of their names.
 *
 * Invariant: one that is there from the beginning of a walk to its end is met once. Nothing is kept between pages, so there is no
 * bound to how many there may be. Values of fields that are counted for are not looked up: they are some number.
 */
import type { Key } from "../../../model/key.ts";
import type { HashEntry } from "../../../model/operation.ts";
import { FIELDS_PER_PAGE_MAX } from "../../../model/selection.ts";
import type { Call } from "../command.ts";
import { askPage, type ContainerType } from "./one-query.ts";
import { integerReply } from "./replies.ts";

export interface FieldWalk {
  readonly key: Key;
  readonly type: ContainerType;
  /** Takes a page, and calls `goOn` for the next; without, the walk is over and the command answered by whoever ended it. */
  readonly onPage: (entries: readonly HashEntry[], goOn: () => void) => void;
  readonly onEnd: () => void;
}

/** A page that cannot be had ends the walk with an error as the reply. */
export function walkFields(call: Call, walk: FieldWalk, after?: string): void {
  const { key, type, onPage, onEnd } = walk;
  const query = {
    kind: "page",
    type,
    after,
    limit: FIELDS_PER_PAGE_MAX,
    isForNames: true,
  } as const;
  askPage(call, key, query, (page) => {
    onPage(page.entries, () => {
      if (page.next === undefined) onEnd();
      else walkFields(call, walk, page.next);
    });
  });
}

/** Answers how many there are, by looking at each: no node knows the number beforehand. */
export function answerCount(call: Call, key: Key, type: ContainerType): void {
  let count = 0;
  walkFields(call, {
    key,
    type,
    onPage: (entries, goOn) => {
      count += entries.length;
      goOn();
    },
    onEnd: () => call.reply(integerReply(count)),
  });
}
