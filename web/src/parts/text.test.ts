import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesText, countText, msText, percentText, rateText, stampTimeText } from "./text.ts";

test("numbers keep two or three digits that matter", () => {
  const plain = (text: string): string => text.replaceAll("\u202f", " ");
  assert.deepEqual(
    [0, 999, 16_384, 1_234_567].map((count) => plain(countText(count))),
    ["0", "999", "16 384", "1 234 567"],
  );
  assert.deepEqual(
    [0, 0.25, 9.94, 12.3, 9_999, 12_345, 2_500_000].map((rate) => plain(rateText(rate))),
    ["0", "0.3", "9.9", "12", "9 999", "12.3 k", "2.5 M"],
  );
  assert.deepEqual(
    [0, 42, 999, 1_000, 1_536, 12_345, 5e9].map((bytes) => plain(bytesText(bytes))),
    ["0 B", "42 B", "999 B", "1.00 kB", "1.54 kB", "12.3 kB", "5.00 GB"],
  );
  assert.deepEqual(
    [0.02, 9.96, 120, 12_300].map((ms) => plain(msText(ms))),
    ["0.02 ms", "10.0 ms", "120 ms", "12.3 s"],
  );
  assert.deepEqual(
    [plain(percentText(0, 5)), plain(percentText(1, 30)), plain(percentText(3, 5))],
    ["0 %", "3.3 %", "60 %"],
  );
});

test("a stamp says when it was minted, and what is no stamp is shown as it is", () => {
  assert.equal(stampTimeText("01a2183474ca-0000-031826d88e395c"), "2026-11-26 14:13:40.682");
  assert.equal(stampTimeText("nonsense"), "nonsense");
});
