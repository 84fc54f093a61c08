/** Values of the program as JSON: bytes, big integers and what else JSON does not know, each under a name of its own. */

interface Tagged {
  readonly $bytes?: string;
  readonly $words?: readonly number[];
  readonly $integer?: string;
  readonly $number?: string;
  readonly $undefined?: true;
  readonly $map?: readonly (readonly [unknown, unknown])[];
}

export function toJson(value: unknown): unknown {
  if (value === undefined) return { $undefined: true };
  if (typeof value === "bigint") return { $integer: value.toString() };
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("hex") };
  if (value instanceof Uint32Array) return { $words: [...value] };
  if (value instanceof Map) {
    return { $map: [...value].map(([key, part]) => [toJson(key), toJson(part)]) };
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, toJson(part)]));
}

export function fromJson(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json !== "object" || json === null) return json;
  const { $bytes, $words, $integer, $number, $undefined, $map } = json as Tagged;
  if ($map !== undefined) {
    return new Map($map.map(([key, part]) => [fromJson(key), fromJson(part)]));
  }
  if ($bytes !== undefined) return Uint8Array.from(Buffer.from($bytes, "hex"));
  if ($words !== undefined) return Uint32Array.from($words);
  if ($integer !== undefined) return BigInt($integer);
  if ($number !== undefined) return Number($number);
  if ($undefined === true) return undefined;
  return Object.fromEntries(Object.entries(json).map(([name, part]) => [name, fromJson(part)]));
}
