/** One of the two servers that are compared: a connection that is opened anew when it was closed. */
import type { Reply } from "../reply-parser.ts";
import { encodeInline, encodeRequest, type Request, RespClient } from "../resp-client.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What goes wrong on purpose on one side, so that it can be seen to be found. */
export interface Plant {
  readonly name: string;
  /** Another request in place of this. */
  readonly ask?: (request: Request) => Request;
  /** Another reply in place of this. */
  readonly answer?: (request: Request, reply: Reply) => Reply;
}

const HONEST: Plant = { name: "none" };

export class Side {
  readonly #endpoint: Endpoint;
  readonly #plant: Plant;
  #client: RespClient;

  private constructor(endpoint: Endpoint, plant: Plant, client: RespClient) {
    this.#endpoint = endpoint;
    this.#plant = plant;
    this.#client = client;
  }

  static async open(endpoint: Endpoint, plant: Plant = HONEST): Promise<Side> {
    return new Side(endpoint, plant, await RespClient.open(endpoint.port, endpoint.host));
  }

  /** All at once. Rejects when the connection ends first. */
  async ask(requests: readonly Request[], form: "words" | "line" = "words"): Promise<Reply[]> {
    const encode = form === "words" ? encodeRequest : encodeInline;
    const { ask, answer } = this.#plant;
    const sent = ask === undefined ? requests : requests.map(ask);
    const replies = await this.#client.askEncoded(sent.map(encode));
    if (answer === undefined) return replies;
    return replies.map((reply, index) => answer(requests[index] ?? [], reply));
  }

  /** A new connection: RESP2, nothing watched or queued. */
  async reopen(): Promise<void> {
    this.#client.close();
    this.#client = await RespClient.open(this.#endpoint.port, this.#endpoint.host);
  }

  close(): void {
    this.#client.close();
  }
}
