import assert from "node:assert/strict";
import { test } from "node:test";
import { type Linked, LinkedList } from "./linked-list.ts";
import { Prng } from "./prng.ts";

class Member implements Linked<Member> {
  before: Member | undefined;
  after: Member | undefined;
}

test("a list holds what a set would, in the order of a set", () => {
  const prng = new Prng(1);
  const members = Array.from({ length: 20 }, () => new Member());
  const list = new LinkedList<Member>();
  const set = new Set<Member>();
  for (let turn = 0; turn < 10_000; turn += 1) {
    const member = members[prng.below(members.length)] as Member;
    if (set.has(member) || prng.below(4) === 0) {
      set.delete(member);
      list.delete(member);
      assert.deepEqual([member.before, member.after], [undefined, undefined], "it knows nobody");
    } else {
      set.add(member);
      list.add(member);
    }
    assert.equal(list.has(member), set.has(member));
    assert.equal(list.size, set.size);
    assert.equal(list.first, [...set][0]);
    assert.ok(list.members().every((one, index) => one === [...set][index]));
  }
});
