/** About how many bytes a reply takes on its way to the client: enough to tell large ones from small ones. */
import type { Reply } from "../../protocol/resp/reply.ts";

/** Sign, length and line ends of a part. */
const FRAME_BYTES = 8;

export function replyBytes(reply: Reply): number {
  switch (reply.kind) {
    case "bulk":
    case "verbatim":
      return FRAME_BYTES + reply.bytes.length;
    case "binary":
      return FRAME_BYTES + reply.binary.length;
    case "simple":
    case "error":
      return FRAME_BYTES + reply.text.length;
    case "array":
    case "set":
    case "push": {
      let bytes = FRAME_BYTES;
      for (const item of reply.items) bytes += replyBytes(item);
      return bytes;
    }
    case "map": {
      let bytes = FRAME_BYTES;
      for (const [key, value] of reply.entries) bytes += replyBytes(key) + replyBytes(value);
      return bytes;
    }
    default:
      return 2 * FRAME_BYTES;
  }
}
