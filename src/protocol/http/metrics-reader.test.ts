import assert from "node:assert/strict";
import { test } from "node:test";
import { readMetrics } from "./metrics-reader.ts";
import { metricsText } from "./metrics-text.ts";

test("what is written is read back", () => {
  const text = metricsText([
    {
      name: "dnd_a_total",
      type: "counter",
      help: "A \\ b\nc.",
      samples: [{ labels: { x: 'q"\\\n,}=' }, value: 3 }, { value: 1e-7 }],
    },
    { name: "dnd_b", type: "gauge", help: "B.", samples: [{ value: Number.NEGATIVE_INFINITY }] },
    {
      name: "dnd_c_seconds",
      type: "histogram",
      help: "C.",
      bounds: [0.5, 1],
      series: [{ labels: { kind: "k" }, counts: [1, 0, 2], sum: 4.5 }],
    },
  ]);
  assert.deepEqual(readMetrics(text), [
    {
      name: "dnd_a_total",
      type: "counter",
      help: "A \\ b\nc.",
      samples: [
        { name: "dnd_a_total", labels: { x: 'q"\\\n,}=' }, value: 3 },
        { name: "dnd_a_total", labels: {}, value: 1e-7 },
      ],
    },
    {
      name: "dnd_b",
      type: "gauge",
      help: "B.",
      samples: [{ name: "dnd_b", labels: {}, value: Number.NEGATIVE_INFINITY }],
    },
    {
      name: "dnd_c_seconds",
      type: "histogram",
      help: "C.",
      samples: [
        { name: "dnd_c_seconds_bucket", labels: { kind: "k", le: "0.5" }, value: 1 },
        { name: "dnd_c_seconds_bucket", labels: { kind: "k", le: "1" }, value: 1 },
        { name: "dnd_c_seconds_bucket", labels: { kind: "k", le: "+Inf" }, value: 3 },
        { name: "dnd_c_seconds_sum", labels: { kind: "k" }, value: 4.5 },
        { name: "dnd_c_seconds_count", labels: { kind: "k" }, value: 3 },
      ],
    },
  ]);
});

test("what does not follow the format is refused with its line", () => {
  const head = "# HELP a A.\n# TYPE a gauge\n";
  const histogram = "# HELP a A.\n# TYPE a histogram\n";
  const bad: readonly (readonly [string, number, RegExp])[] = [
    ["a 1", 1, /no end/],
    ["a 1\n", 1, /not of the family/],
    [`${head}b 1\n`, 3, /not of the family/],
    [`${head}a x\n`, 3, /no number/],
    [`${head}a 0x10\n`, 3, /no number/],
    [`${head}a{b=c} 1\n`, 3, /labels/],
    [`${head}a{b="c} 1\n`, 3, /labels/],
    [`${head}a{b="\\t"} 1\n`, 3, /labels/],
    [`${head}a{b="1",b="2"} 1\n`, 3, /two labels/],
    [`${head}a{b="1"} 1\na{b="1"} 1\n`, 4, /twice/],
    [`${head}a 1\n${head}a 2\n`, 4, /two places/],
    ["# TYPE a gauge\na 1\n", 1, /does not follow its help/],
    ["# HELP a A.\n# TYPE a number\n", 2, /no type/],
    ["# NOTE a\n", 1, /neither/],
    ["\n", 1, /not a sample/],
    [`${histogram}a 1\n`, 3, /not of the family/],
    [`${histogram}a_bucket 1\n`, 3, /without a bound/],
    [`${histogram}a_bucket{le="2"} 1\na_bucket{le="1"} 1\n`, 4, /out of order/],
    [`${histogram}a_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n`, 4, /out of order/],
    [`${histogram}a_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n`, 5, /not that of the last/],
    [`${histogram}a_bucket{le="1"} 1\na_sum 1\na_count 1\n`, 5, /not that of the last/],
  ];
  for (const [text, line, reason] of bad) {
    const read = readMetrics(text);
    assert.ok("line" in read, text);
    assert.equal(read.line, line, text);
    assert.match(read.reason, reason, text);
  }
});
