/** Participants that read the measured catalogue, several calls at once. Started by catalog-served.ts. */
import { Agent, type Dispatcher } from "undici";
import { utf8 } from "../../crypto/suites/encoding.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { context } from "../../exchange/protocol/vocabulary.ts";
import { participantToken } from "../dataspace/participant-token.ts";
import { pinnedConnector } from "../peer/client.ts";
import { systemEffects } from "../runtime/effects.ts";
import { idOf, LEVELS, lineOf, OF_A_LINE, provider, readers, STEWARDS } from "./catalog-assets.ts";
import type { Answered, Asked, RequestKind } from "./catalog-served.ts";

const MOST_CLIENTS = 32;
const [port = "", pin = "", assetCount = ""] = process.argv.slice(2);
const { id: audience } = provider();
const target = { member: audience, endpoint: `https://127.0.0.1:${port}`, tls: pin };
const agent = new Agent({ connect: pinnedConnector(target), connections: MOST_CLIENTS });
const assets = Number(assetCount);

async function ask(client: number, query: string, filter: readonly object[]) {
  const { identity } = readers()[client % 4]!;
  const path = `${DATASPACE_PATH}/catalog/request${query}`;
  const message = { "@context": context(), "@type": "CatalogRequestMessage", ...(filter.length > 0 ? { filter } : {}) };
  const body = utf8(JSON.stringify(message));
  const authorization = participantToken(identity, { audience, method: "POST", target: path, body }, systemEffects);
  const headers = { authorization, "content-type": "application/json", "accept-encoding": "gzip" };
  const from = performance.now();
  const { status, link } = await received({ origin: target.endpoint, path, method: "POST", body, headers });
  const ms = performance.now() - from;
  if (status !== 200) throw new Error(`${path}: answered ${status}`);
  return { ms, next: /<[^>]*(\?[^>]*)>; rel="next"/.exec(link)?.[1] };
}

/** To the last byte; none is kept or looked at, so that clients cost as little as they can. */
const received = (options: Dispatcher.DispatchOptions): Promise<{ status: number; link: string }> =>
  new Promise((resolve, reject) => {
    let [status, link] = [0, ""];
    agent.dispatch(options, {
      onRequestStart: () => undefined,
      onResponseStart(_controller, code, headers) {
        status = code;
        link = String(headers["link"]);
      },
      onResponseData: () => undefined,
      onResponseEnd: () => resolve({ status, link }),
      onResponseError: (_controller, error) => reject(error),
    });
  });

/** Which asset comes next: all of them in an order without rhythm, the same in every run. */
const spread = (at: number): number => (at * 7_919 + 13) % assets;

/** 10,000 different ones by keyword, 2,000 by element and grade. */
function filterOf(kind: RequestKind, asset: number): readonly object[] {
  if (kind === "page") return [];
  if (kind === "ten") return [{ keyword: lineOf(asset) }];
  return [{ element: `element-${asset % STEWARDS}`, level: LEVELS[Math.floor(asset / STEWARDS) % LEVELS.length] }];
}

async function client(number: number, { kinds, clients, requests }: Asked) {
  const samples: Record<string, number[]> = {};
  let next: string | undefined;
  let pages = 0;
  for (let at = 0; at < requests; at += 1) {
    const kind = kinds[at % kinds.length]!;
    const asset = spread(at * clients + number);
    // A reader walks ten pages, then looks elsewhere.
    if (kind === "page" && pages % 10 === 0) next = `?after=${encodeURIComponent(idOf(asset))}`;
    const query = kind === "page" ? (next ?? "") : "";
    const answer = await ask(number, query, filterOf(kind, asset));
    if (kind === "page") {
      pages += 1;
      next = answer.next;
    }
    samples[kind] ??= [];
    samples[kind].push(answer.ms);
  }
  return { samples };
}

async function answered(asked: Asked): Promise<Answered> {
  const before = process.cpuUsage();
  const started = performance.now();
  const answers = await Promise.all(Array.from({ length: asked.clients }, (_, number) => client(number, asked)));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { answers, seconds, cpuMs: (user + system) / 1000 };
}

process.on("message", (asked: Asked) => {
  void answered(asked).then(
    (all) => process.send?.(all),
    (error: Error) => process.send?.({ error: error.stack ?? error.message }),
  );
});
process.once("disconnect", () => process.exit(0));
if (OF_A_LINE !== 10) throw new RangeError("a line has ten assets");
