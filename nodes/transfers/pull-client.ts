/** The consumer's calls of a provider's data endpoint: with a token that still has time, asked for again when it has not. */
import { type Dispatcher, request } from "undici";
import { type HttpAddress, httpAddressOf } from "../../exchange/transfers/data-address.ts";
import type { DataAddress } from "../../exchange/transfers/messages.ts";
import type { DataspaceClient } from "../dataspace/client.ts";
import { TransferError } from "./transfer-error.ts";

/** A token that has less time than this is not worth a call. */
const MARGIN_MS = 15_000;
const TIMEOUT_MS = 30_000;

export interface Pulled {
  readonly status: 200 | 206;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Buffer> & { destroy(): void };
}

const PASSED_ON = [
  "content-type",
  "content-length",
  "content-range",
  "etag",
  "repr-digest",
  "accept-ranges",
  "sealane-rows",
];
const MAX_PROBLEM_BYTES = 64 * 1024;

export function createPullClient(deps: {
  readonly dispatcher: (peer: string, url: string) => Promise<Dispatcher>;
  readonly client: DataspaceClient;
  readonly now: () => string;
}) {
  /** Newer than the one of the start message, by pid. */
  const renewed = new Map<string, HttpAddress>();

  async function renew(peer: string, pid: string, { refresh }: HttpAddress, signal: AbortSignal): Promise<HttpAddress> {
    if (refresh === undefined) throw new TransferError("ERR_TRANSFER_TOKEN", "token-expired");
    const answer = await deps.client.post(peer, refresh, {}, signal);
    const given = answer.kind === "taken" ? (answer.answer as { dataAddress?: DataAddress } | undefined) : undefined;
    const address = httpAddressOf(given?.dataAddress);
    if (address === undefined) {
      const reason = answer.kind === "taken" ? "address-missing" : answer.code;
      throw new TransferError("ERR_TRANSFER_OTHER_SIDE", reason, "the provider gave no new token");
    }
    renewed.set(pid, address);
    return address;
  }

  const isFresh = ({ expires }: HttpAddress): boolean =>
    expires === undefined || Date.parse(expires) - Date.parse(deps.now()) > MARGIN_MS;

  return Object.freeze({
    renew,
    isFresh,
    forget: (pid: string) => void renewed.delete(pid),
    /** Throws TransferError with what the provider answered. */
    async pull(
      about: { readonly peer: string; readonly pid: string; readonly source: DataAddress | undefined },
      conditions: {
        readonly range: string | undefined;
        readonly ifRange: string | undefined;
        readonly ifMatch: string | undefined;
      },
      signal: AbortSignal,
    ): Promise<Pulled> {
      const { peer, pid, source } = about;
      const started = httpAddressOf(source);
      if (started === undefined) throw new TransferError("ERR_TRANSFER_OTHER_SIDE", "address-missing");
      const known = renewed.get(pid);
      let address = known?.endpoint === started.endpoint ? known : started;
      for (let isFirst = true; ; isFirst = false) {
        if (!isFresh(address)) address = await renew(peer, pid, address, signal);
        const answer = await request(address.endpoint, {
          method: "GET",
          dispatcher: await deps.dispatcher(peer, address.endpoint),
          headers: {
            authorization: `Bearer ${address.token}`,
            ...(conditions.range === undefined ? {} : { range: conditions.range }),
            ...(conditions.ifRange === undefined ? {} : { "if-range": conditions.ifRange }),
            ...(conditions.ifMatch === undefined ? {} : { "if-match": conditions.ifMatch }),
          },
          headersTimeout: 10 * TIMEOUT_MS,
          bodyTimeout: TIMEOUT_MS,
          signal,
        });
        const { statusCode: status, body } = answer;
        if (status === 200 || status === 206) {
          const headers = PASSED_ON.flatMap((name) => {
            const value = answer.headers[name];
            return typeof value === "string" ? [[name, value] as const] : [];
          });
          return { status, headers: Object.fromEntries(headers), body };
        }
        const said = await problemIn(body);
        if (status === 401 && isFirst) address = await renew(peer, pid, address, signal);
        else throw refusedBy(status, said);
      }
    },
  });
}

const REFUSED: Readonly<Record<number, TransferError["code"]>> = {
  403: "ERR_TRANSFER_REFUSED",
  409: "ERR_TRANSFER_STATE",
  412: "ERR_TRANSFER_RANGE",
  413: "ERR_TRANSFER_TOO_LARGE",
  416: "ERR_TRANSFER_RANGE",
  429: "ERR_TRANSFER_RATE",
  503: "ERR_TRANSFER_LATER",
};

function refusedBy(
  status: number,
  { code, reason }: { code: string | undefined; reason: string | undefined },
): TransferError {
  const kind = code === "ERR_TRANSFER_USES" ? code : (REFUSED[status] ?? "ERR_TRANSFER_OTHER_SIDE");
  const word = reason !== undefined && /^[a-z][a-z0-9-]{0,63}$/.test(reason) ? reason : `http-${status}`;
  return new TransferError(kind, word, `the provider refuses: ${word}`);
}

async function problemIn(body: AsyncIterable<Buffer>) {
  const parts: Buffer[] = [];
  let total = 0;
  for await (const part of body) {
    total += part.length;
    if (total <= MAX_PROBLEM_BYTES) parts.push(part);
  }
  try {
    const { code, errors } = JSON.parse(Buffer.concat(parts).toString("utf8")) as {
      code?: unknown;
      errors?: readonly { code?: unknown }[];
    };
    const reason = errors?.[0]?.code;
    return {
      code: typeof code === "string" ? code : undefined,
      reason: typeof reason === "string" ? reason : undefined,
    };
  } catch {
    return { code: undefined, reason: undefined };
  }
}

export type PullClient = ReturnType<typeof createPullClient>;
