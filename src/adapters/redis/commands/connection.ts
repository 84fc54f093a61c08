/** Commands about the connection itself. */
import { PONG } from "../../../protocol/resp/reply.ts";
import type { Command } from "../command.ts";
import { wrongArity } from "../dispatch.ts";

export const CONNECTION_COMMANDS: readonly Command[] = [
  {
    name: "ping",
    arity: -1,
    flags: ["fast"],
    keys: undefined,
    group: "connection",
    summary: "Answers, to show that the connection is there.",
    run: ({ args, session, reply }) => {
      const [, message] = args;
      if (args.length > 2) return reply(wrongArity("ping"));
      if (session.isListening) {
        const bytes = message ?? new Uint8Array(0);
        return reply({
          kind: "array",
          items: [
            { kind: "binary", binary: "pong" },
            { kind: "bulk", bytes },
          ],
        });
      }
      return reply(message === undefined ? PONG : { kind: "bulk", bytes: message });
    },
  },
];
