import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeStore } from "../../../../test/support/fake-store.ts";
import { keyFromText } from "../../../model/key.ts";
import type { HashEntry } from "../../../model/operation.ts";
import type { Failure } from "../../../model/outcome.ts";
import { FIELDS_BYTES_MAX, FIELDS_PER_REQUEST_MAX } from "../../../model/selection.ts";
import type { Call } from "../command.ts";
import { type Content, partsOf, type Replaced, replaceFields } from "./field-parts.ts";

const KEY = keyFromText("k");
const VALUE = new Uint8Array(1);

function numbered(count: number, value = VALUE): HashEntry[] {
  return Array.from({ length: count }, (_, index) => [String(index), value]);
}

class Trial {
  readonly store = new FakeStore();
  readonly operations: string[] = [];
  readonly noted: unknown[] = [];

  constructor() {
    const operate = this.store.operate.bind(this.store);
    this.store.operate = (request, done) => {
      this.operations.push(request.operation.kind);
      operate(request, done);
    };
  }

  replace(content: Content, when: "always" | "absent" = "always"): Promise<Replaced> {
    const { store, noted } = this;
    const call = { store, session: { noteWrite: (quorum: unknown) => noted.push(quorum) } };
    return new Promise((resolve) => {
      replaceFields({ call: call as unknown as Call, key: KEY, content, when }, resolve);
    });
  }

  count(): Promise<number> {
    return new Promise((resolve) => {
      this.store.query({ key: KEY, query: { kind: "whole", type: "either" } }, (outcome) => {
        assert.ok(outcome.kind === "answered");
        resolve(outcome.result.kind === "page" ? outcome.result.entries.length : 0);
      });
    });
  }
}

test("parts are no larger than a write, by number and by bytes", () => {
  const lengths = partsOf(numbered(FIELDS_PER_REQUEST_MAX + 3)).map(({ length }) => length);
  assert.deepEqual(lengths, [FIELDS_PER_REQUEST_MAX, 3]);
  const large = new Uint8Array(FIELDS_BYTES_MAX / 4);
  assert.deepEqual(
    partsOf(numbered(7, large)).map(({ length }) => length),
    [3, 3, 1],
  );
  assert.deepEqual(partsOf([]), []);
});

test("a hash in two parts is there with all fields and its time", async () => {
  const trial = new Trial();
  const entries = numbered(FIELDS_PER_REQUEST_MAX + 3);
  const expiresAtMs = trial.store.nowMs + 1_000;
  assert.equal(await trial.replace({ type: "hash", entries, expiresAtMs }), "written");
  assert.deepEqual(trial.operations, ["hash-replace", "hash-set", "expire"]);
  assert.equal(await trial.count(), entries.length);
  assert.equal(trial.noted.length, 1);
  trial.store.nowMs = expiresAtMs + 1;
  assert.equal(await trial.count(), 0);
});

test("what ends before its last part is written is not left without an end", async () => {
  const trial = new Trial();
  const entries = numbered(FIELDS_PER_REQUEST_MAX + 3);
  const expiresAtMs = trial.store.nowMs;
  assert.equal(await trial.replace({ type: "set", entries, expiresAtMs }), "written");
  assert.equal(await trial.count(), 0);
});

test("what is there is left alone where it must not be", async () => {
  const trial = new Trial();
  const content = { type: "set", entries: numbered(2), expiresAtMs: 0 } as const;
  assert.equal(await trial.replace(content, "absent"), "written");
  const other = { type: "hash", entries: numbered(3), expiresAtMs: 0 } as const;
  assert.equal(await trial.replace(other, "absent"), "there-is-one");
  assert.equal(await trial.count(), 2);
  assert.equal(await trial.replace(other), "written");
  assert.equal(await trial.count(), 3);
});

test("a failure after the first part may have stored something", async () => {
  const trial = new Trial();
  const { store } = trial;
  const failure: Failure = {
    kind: "failed",
    code: "timed-out",
    detail: "too late",
    stored: "no",
    quorum: { acks: 0, of: 3, hinted: 0 },
  };
  store.failNext = failure;
  const content = {
    type: "set",
    entries: numbered(FIELDS_PER_REQUEST_MAX + 3),
    expiresAtMs: 0,
  } as const;
  assert.deepEqual(await trial.replace(content), failure);
  const operate = store.operate.bind(store);
  store.operate = (request, done) => {
    operate(request, (outcome) => {
      store.failNext = failure;
      done(outcome);
    });
  };
  assert.deepEqual(await trial.replace(content), { ...failure, stored: "maybe" });
});
