/** Participants that read the measured catalogue, several calls at once. Started by catalog-served.ts. */
import { utf8 } from "../../crypto/suites/encoding.ts";
import { DATASPACE_PATH } from "../../exchange/protocol/paths.ts";
import { context } from "../../exchange/protocol/vocabulary.ts";
import { participantToken } from "../dataspace/participant-token.ts";
import { systemEffects } from "../runtime/effects.ts";
import { idOf, LEVELS, lineOf, OF_A_LINE, provider, readers, STEWARDS } from "./catalog-assets.ts";
import type { Answered, Asked, RequestKind } from "./catalog-served.ts";
import { openLeanLine } from "./lean-line.ts";

const MOST_CLIENTS = 32;
const [port = "", pin = "", assetCount = ""] = process.argv.slice(2);
const { id: audience } = provider();
const lines = await Promise.all(Array.from({ length: MOST_CLIENTS }, () => openLeanLine({ port: Number(port), pin })));
const assets = Number(assetCount);

interface Call {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

function signed(client: number, query: string, filter: readonly object[]): Call {
  const { identity } = readers()[client % 4]!;
  const path = `${DATASPACE_PATH}/catalog/request${query}`;
  const message = { "@context": context(), "@type": "CatalogRequestMessage", ...(filter.length > 0 ? { filter } : {}) };
  const body = utf8(JSON.stringify(message));
  const authorization = participantToken(identity, { audience, method: "POST", target: path, body }, systemEffects);
  return { path, headers: { authorization, "content-type": "application/json", "accept-encoding": "gzip" }, body };
}

async function ask(client: number, { path, headers, body }: Call) {
  const from = performance.now();
  const { status, link } = await lines[client]!.post(path, headers, body);
  const ms = performance.now() - from;
  if (status !== 200) throw new Error(`${path}: answered ${status}`);
  return { ms, next: /<[^>]*(\?[^>]*)>; rel="next"/.exec(link)?.[1] };
}

/** Which asset comes next: all of them in an order without rhythm, the same in every run. */
const spread = (at: number): number => (at * 7_919 + 13) % assets;

/** 10,000 different ones by keyword, 2,000 by element and grade. */
function filterOf(kind: RequestKind, asset: number): readonly object[] {
  if (kind === "page") return [];
  if (kind === "ten") return [{ keyword: lineOf(asset) }];
  return [{ element: `element-${asset % STEWARDS}`, level: LEVELS[Math.floor(asset / STEWARDS) % LEVELS.length] }];
}

/** The calls of one client, signed ahead: no answer waits for another one's signature. `next`: where the answer before leads. */
function callsOf(number: number, { kinds, clients, requests }: Asked) {
  let pages = 0;
  return Array.from({ length: requests }, (_, at): { readonly kind: RequestKind; readonly call: Call | "next" } => {
    const kind = kinds[at % kinds.length]!;
    const asset = spread(at * clients + number);
    if (kind !== "page") return { kind, call: signed(number, "", filterOf(kind, asset)) };
    pages += 1;
    // A reader walks ten pages, then looks elsewhere.
    if (pages % 10 !== 1) return { kind, call: "next" };
    return { kind, call: signed(number, `?after=${encodeURIComponent(idOf(asset))}`, []) };
  });
}

async function client(number: number, calls: ReturnType<typeof callsOf>) {
  const samples: Record<string, number[]> = {};
  let next: string | undefined;
  for (const { kind, call } of calls) {
    const answer = await ask(number, call === "next" ? signed(number, next ?? "", []) : call);
    if (kind === "page") next = answer.next;
    samples[kind] ??= [];
    samples[kind].push(answer.ms);
  }
  return { samples };
}

async function answered(asked: Asked): Promise<Answered> {
  const calls = Array.from({ length: asked.clients }, (_, number) => callsOf(number, asked));
  const before = process.cpuUsage();
  const started = performance.now();
  const answers = await Promise.all(calls.map((all, number) => client(number, all)));
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
