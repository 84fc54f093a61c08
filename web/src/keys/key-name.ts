/** Names of keys: bytes, mostly text. Those that are not are shown and linked in base64url. */

export interface KeyName {
  readonly key64: string;
  /** `undefined` where the bytes are no text. */
  readonly text: string | undefined;
}

export function nameFromText(text: string): KeyName {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  const base64 = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return { key64: base64, text };
}

/** As listings give them: as text where they are some. */
export function nameOfListed({ key, key64 }: { key?: string; key64?: string }): KeyName {
  return key === undefined ? { key64: key64 ?? "", text: undefined } : nameFromText(key);
}

/** A text cannot begin like the other form: `?` is escaped in it. */
const BINARY = "?64=";

export function pathOf({ text, key64 }: KeyName): string {
  return text === undefined ? `${BINARY}${key64}` : encodeURIComponent(text);
}

export function nameFromPath(path: string): KeyName | undefined {
  if (path === "") return undefined;
  if (path.startsWith(BINARY)) {
    const key64 = path.slice(BINARY.length);
    return /^[A-Za-z0-9_-]+$/.test(key64) ? { key64, text: undefined } : undefined;
  }
  try {
    return nameFromText(decodeURIComponent(path));
  } catch {
    return undefined;
  }
}

export function shownName({ text, key64 }: KeyName): string {
  return text ?? `base64:${key64}`;
}
