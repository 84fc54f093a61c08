import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsText } from "./metrics-text.ts";

test("each family stands once, with help and type before its samples", () => {
  const text = metricsText([
    { name: "dnd_a_total", type: "counter", help: "A.", samples: [{ value: 3 }] },
    {
      name: "dnd_b",
      type: "gauge",
      help: "Two lines\nand a \\.",
      samples: [
        { labels: { member: "x", zone: 'a"b\\c\nd' }, value: 0.25 },
        { value: Number.POSITIVE_INFINITY },
        { value: Number.NaN },
      ],
    },
  ]);
  assert.deepEqual(text.split("\n"), [
    "# HELP dnd_a_total A.",
    "# TYPE dnd_a_total counter",
    "dnd_a_total 3",
    String.raw`# HELP dnd_b Two lines\nand a \\.`,
    "# TYPE dnd_b gauge",
    String.raw`dnd_b{member="x",zone="a\"b\\c\nd"} 0.25`,
    "dnd_b +Inf",
    "dnd_b NaN",
    "",
  ]);
});

test("two families of one name, and names that are none, are mistakes", () => {
  const family = { name: "dnd_a", type: "gauge", help: "", samples: [] } as const;
  assert.throws(() => metricsText([family, family]));
  assert.throws(() => metricsText([{ ...family, name: "dnd-a" }]));
  const samples = [{ labels: { "a-b": "" }, value: 0 }];
  assert.throws(() => metricsText([{ ...family, samples }]));
});
