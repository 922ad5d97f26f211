/** Participants that read the measured catalogue, several calls at once. Started by catalog-served.ts. */
import { Agent } from "undici";
import { utf8 } from "../../crypto/suites/encoding.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { context } from "../../exchange/protocol/vocabulary.ts";
import { participantToken } from "../dataspace/participant-token.ts";
import { pinnedConnector } from "../peer/client.ts";
import { systemEffects } from "../runtime/effects.ts";
import { idOf, LEVELS, lineOf, OF_A_LINE, provider, readers, STEWARDS } from "./catalog-assets.ts";
import type { Answered, Asked, RequestKind } from "./catalog-served.ts";

const [port = "", pin = "", assetCount = "", clientCount = ""] = process.argv.slice(2);
const { id: audience } = provider();
const target = { member: audience, endpoint: `https://127.0.0.1:${port}`, tls: pin };
const agent = new Agent({ connect: pinnedConnector(target), connections: Number(clientCount) });
const assets = Number(assetCount);

async function ask(client: number, query: string, filter: readonly object[]) {
  const { identity } = readers()[client % 4]!;
  const path = `${DATASPACE_PATH}/catalog/request${query}`;
  const message = { "@context": context(), "@type": "CatalogRequestMessage", ...(filter.length > 0 ? { filter } : {}) };
  const body = utf8(JSON.stringify(message));
  const from = performance.now();
  const answer = await agent.request({
    ...{ origin: target.endpoint, path, method: "POST", body },
    headers: {
      authorization: participantToken(identity, { audience, method: "POST", target: path, body }, systemEffects),
      "content-type": "application/json",
      "accept-encoding": "gzip",
    },
  });
  const bytes = (await answer.body.arrayBuffer()).byteLength;
  const ms = performance.now() - from;
  if (answer.statusCode !== 200) throw new Error(`${path}: answered ${answer.statusCode}`);
  return { ms, bytes, next: /<[^>]*(\?[^>]*)>; rel="next"/.exec(String(answer.headers["link"]))?.[1] };
}

/** Which asset comes next: all of them in an order without rhythm, the same in every run. */
const spread = (at: number): number => (at * 7_919 + 13) % assets;

/** 10,000 different ones by keyword, 2,000 by element and grade. */
function filterOf(kind: RequestKind, asset: number): readonly object[] {
  if (kind === "page") return [];
  if (kind === "ten") return [{ keyword: lineOf(asset) }];
  return [{ element: `element-${asset % STEWARDS}`, level: LEVELS[Math.floor(asset / STEWARDS) % LEVELS.length] }];
}

async function client(number: number, { kinds, requests }: Asked): Promise<Answered> {
  const samples: Record<string, number[]> = {};
  let bytes = 0;
  let next: string | undefined;
  let pages = 0;
  for (let at = 0; at < requests; at += 1) {
    const kind = kinds[at % kinds.length]!;
    const asset = spread(at * Number(clientCount) + number);
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
    bytes += answer.bytes;
  }
  return { samples, bytes };
}

process.on("message", (asked: Asked) => {
  void Promise.all(Array.from({ length: Number(clientCount) }, (_, number) => client(number, asked))).then(
    (answers) => process.send?.(answers),
    (error: Error) => process.send?.({ error: error.stack ?? error.message }),
  );
});
process.once("disconnect", () => process.exit(0));
if (OF_A_LINE !== 10) throw new RangeError("a line has ten assets");
