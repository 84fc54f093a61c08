/**
 * Which part of a request's way a function belongs to. By its file, and where a file both reads and writes bytes, by its
 * name. What the runtime does for us counts where it can be told apart: sockets as `send`, natives as `system calls`.
 */

export const STAGES = [
  "decode",
  "door",
  "place",
  "coordinate",
  "stamp",
  "merge",
  "tree",
  "commit",
  "encode",
  "send",
  "system calls",
  "runtime",
  "garbage",
  "measuring",
] as const;

export type Stage = (typeof STAGES)[number];

/** Paths of the source tree, most special first. */
const BY_PATH: readonly (readonly [RegExp, Stage])[] = [
  [/\/bench\//, "measuring"],
  [/\/protocol\/resp\/.*repl/, "encode"],
  [/\/base\/byte-reader/, "decode"],
  [/\/base\/byte-writer/, "encode"],
  [/\/core\/placement\/|\/base\/hash/, "place"],
  [/hybrid-clock|node-clock|system-clock|own-commits|\/stamp\./, "stamp"],
  [/\/core\/causality\/|\/node\/cell-store|\/base\/checksum/, "merge"],
  [/\/core\/anti-entropy\//, "tree"],
  [/group-commit|\/adapters\/(leveldb|memory|data-directory)\/|level\//, "commit"],
  [/\/adapters\/(tcp|udp)\//, "send"],
  [/\/adapters\/(redis|http)\//, "door"],
  [/\/(core|node|library|model|base)\//, "coordinate"],
];

/** Of the runtime's own files: sockets and streams. */
const SOCKETS =
  /^node:(net|dgram|http|_http\w*|internal\/(stream|streams|dgram|http|js_stream|net)\w*)/;
/** Names in files that go both ways. */
const DECODES = /decode|parse|read|push|feed|take/i;
const CODECS = /\/protocol\//;
/** What is written in another language, or built in. */
const NATIVE = "";
/** Natives of sockets: writing to one is a system call, and reading is done before any function is called. */
const SYSTEM_CALLS =
  /^(write(v|Buffer|Latin1String|Utf8String|AsciiString)?|shutdown|readStart|readStop|send)$/;

/** @param caller The stage of the function it is called from, which what has no file of its own belongs to. */
export function stageOf(functionName: string, url: string, caller: Stage): Stage | "idle" {
  if (functionName === "(idle)") return "idle";
  if (functionName === "(garbage collector)") return "garbage";
  if (functionName === "(program)") return "runtime";
  if (url === NATIVE) return SYSTEM_CALLS.test(functionName) ? "system calls" : caller;
  if (url.startsWith("node:")) return SOCKETS.test(url) ? "send" : "runtime";
  const known = BY_PATH.find(([path]) => path.test(url));
  if (known !== undefined) return known[1];
  if (CODECS.test(url)) return DECODES.test(functionName) ? "decode" : "encode";
  return "runtime";
}
