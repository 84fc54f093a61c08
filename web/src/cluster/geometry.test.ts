import assert from "node:assert/strict";
import { test } from "node:test";
import { INNER, nodePoint, nodeRadius, OUTER, slotAt, slotPoint } from "./geometry.ts";

test("the slot at the point of a slot is that slot, for all of them", () => {
  for (let slot = 0; slot < 16_384; slot += 1) assert.equal(slotAt(slotPoint(slot)), slot);
});

test("beside the ring there is no slot", () => {
  assert.equal(slotAt({ x: 0, y: 0 }), undefined);
  assert.equal(slotAt({ x: 0, y: INNER - 0.001 }), undefined);
  assert.equal(slotAt({ x: OUTER, y: 0 }), undefined);
});

test("nodes stand inside the ring, and not upon one another, however many there are", () => {
  for (const count of [1, 2, 3, 5, 12, 40, 300]) {
    const radius = nodeRadius(count);
    const points = Array.from({ length: count }, (_, index) => nodePoint(index, count));
    for (const [index, { x, y }] of points.entries()) {
      assert.ok(Math.hypot(x, y) + radius < INNER);
      const next = points[(index + 1) % count];
      if (count === 1 || next === undefined) continue;
      assert.ok(Math.hypot(next.x - x, next.y - y) > 2 * radius, `${count} nodes`);
    }
  }
});
