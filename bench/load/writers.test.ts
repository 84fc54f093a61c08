import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { EtcdWriter, KvWriter } from "./http-writer.ts";
import { RespWriter } from "./resp-writer.ts";
import { ValuePool } from "./value-pool.ts";

const options = () => ({
  prefix: "k100",
  valueBytes: [100],
  random: new Prng(1),
  pool: new ValuePool(1),
});

test("Redis requests say their lengths, and keys are sixteen bytes", () => {
  const writer = new RespWriter({ ...options(), waits: false });
  writer.read(42);
  writer.write(7);
  writer.increment(1);
  writer.setField(25);
  const { bytes, requests, bytesStored, waits } = writer.take();
  const text = bytes.toString("latin1");
  assert.equal(requests, 4);
  assert.equal(waits, false);
  assert.equal(bytesStored, 116 + 16 + 106);
  assert.match(text, /^\*2\r\n\$3\r\nGET\r\n\$16\r\nk100000000000042\r\n/);
  assert.match(text, /\*3\r\n\$3\r\nSET\r\n\$16\r\nk100000000000007\r\n\$100\r\n[\w-]{100}\r\n/);
  assert.match(text, /\*2\r\n\$4\r\nINCR\r\n\$16\r\nk100000000000001\r\n/);
  assert.match(
    text,
    /\*4\r\n\$4\r\nHSET\r\n\$16\r\nk100000000000002\r\n\$6\r\nfield5\r\n\$100\r\n[\w-]{100}\r\n$/,
  );
  assert.equal(writer.take().bytes.length, 0, "taken once");
});

test("a batch that writes is followed by WAIT where asked for, one that reads is not", () => {
  const writer = new RespWriter({ ...options(), waits: true });
  writer.read(1);
  assert.equal(writer.take().waits, false);
  writer.write(1);
  writer.write(2);
  const { bytes, waits } = writer.take();
  assert.equal(waits, true);
  assert.match(bytes.toString("latin1"), /WAIT\r\n\$1\r\n1\r\n\$5\r\n10000\r\n$/);
});

test("HTTP requests carry values of the length they say", () => {
  const writer = new KvWriter({ ...options(), readsOne: true });
  writer.read(3);
  assert.match(
    writer.take().bytes.toString("latin1"),
    /^GET \/kv\/k100000000000003\?r=1 HTTP\/1\.1/,
  );
  writer.write(3);
  const text = writer.take().bytes.toString("latin1");
  assert.match(text, /Content-Length: 100\r\n\r\n[\w-]{100}$/);
});

test("etcd's bodies are JSON with keys and values in base64", () => {
  const writer = new EtcdWriter({ ...options(), valueBytes: [65_536] });
  writer.write(9);
  const [head = "", body = ""] = writer.take().bytes.toString("latin1").split("\r\n\r\n");
  assert.match(head, new RegExp(`^POST /v3/kv/put HTTP/1\\.1[^]*Content-Length: ${body.length}$`));
  const { key, value } = JSON.parse(body) as { key: string; value: string };
  assert.equal(Buffer.from(key, "base64").toString(), "k100000000000009");
  assert.equal(Buffer.from(value, "base64").length, 65_536);
  writer.read(9);
  assert.match(writer.take().bytes.toString("latin1"), /^POST \/v3\/kv\/range /);
});
