/**
 * `npm run test:neighbours -- [--providers N] [--absent K]`: a cohort of more than 129 members over real HTTPS, in one
 * process. Some members send their keys and never reveal their nonces; the coordinator says so on the ledger, the request is
 * opened again without them, and the sum is exact over the others. Prints what it cost. Exit 1 when it is not so.
 */
import { equal } from "node:assert/strict";
import { parseArgs } from "node:util";
import { readComputation, readComputationOpened } from "../../chaincode/rules/keys.ts";
import { computationIdOf } from "../../exchange/computations/opening.ts";
import { skippingDeadlines } from "./_deadlines.ts";
import { createNetwork } from "./_network.ts";

const { values } = parseArgs({
  options: { providers: { type: "string", default: "131" }, absent: { type: "string", default: "1" } },
});
const count = Number(values.providers);
const providers = Array.from({ length: count }, (_, at) => `p${String(at + 1).padStart(4, "0")}`);
const absent = providers.slice(count - Number(values.absent));
if (count - absent.length < 130) throw new RangeError("--providers: more than 129 have to be left over");
const hour = 3_600_000;
const tenths = (at: number): number => 10_000 + 7 * at;

let first = "";
const seconds = () => Math.round(performance.now() / 1000);
const note = (text: string) => console.error(`${seconds()} s: ${text}`);

const MESSAGES = /\/computations\/([^/]+)\/messages/;
/** By computation and type, repetitions included. */
const said = new Map<string, number>();
let joined = 0;
await using network = await createNetwork({
  providers,
  members: [
    { id: "operator", kind: "industry" },
    { id: "ministry", kind: "government" },
    { id: "bureau", kind: "government" },
    ...providers.map((id) => ({ id, kind: "enterprise" as const, cosigner: false, attributes: { sector: "17" } })),
  ],
  rows: Object.fromEntries(providers.map((id, at) => [id, [["2025", (tenths(at) / 10).toFixed(1), "1.0"]]])),
  stepMs: hour,
  releaseMs: 4 * hour,
  limits: { peerRequestsPerMinutePerAddress: 10_000_000, peerRequestsPerMinutePerMember: 1_000_000 },
  onStep: () => {
    joined += 1;
    if (joined % 50 === 0) note(`${joined} steps of founding and joining`);
  },
  observe(member, { direction, path, body }) {
    const [, computation] = direction === "sent" ? (MESSAGES.exec(path) ?? []) : [];
    if (computation === undefined) return;
    const { type } = JSON.parse(Buffer.from(body).toString("utf8")) as { type: string };
    // What it would say is lost on the way.
    if (computation === first && type === "reveal" && absent.includes(member)) throw new Error("connection lost");
    const name = `${computation === first ? "first" : "second"} computation, ${type}`;
    const times = (said.get(name) ?? 0) + 1;
    said.set(name, times);
    if (times === 1 || times % 50 === 0) note(`${name}: ${times}`);
  },
});
note(`${count + 3} nodes have joined, ${count} assets are registered`);

const assets = providers.map((id) => `${id}:panel`);
const request = await network.submit({ assets });
first = computationIdOf(request, 0);
const released = network.state(request, ["released"], hour);
const away = { from: (computation: string) => (computation === first ? absent : []), pollMs: 2_000 };
await skippingDeadlines(network, away, released);

const { ledger } = network.net.node("ministry").services;
const view = await released;
const failure = (await readComputation(ledger, first))?.failure;
note(`${view.failures.length} failures; the first: ${failure?.reason}, absent ${failure?.absent?.join()}`);
if (absent.length > 0) {
  equal(view.failures.length, 1);
  equal(failure?.reason, "reveal-missing");
  equal(failure.absent?.join(), absent.join());
}
const opening = (await readComputationOpened(ledger, view.computation!))!.body;
equal(opening.graph, "neighbours");
equal(opening.cohort.length, count - absent.length);
const { outcome } = await network.call<{
  outcome: { document: { contributors: readonly string[]; cells: readonly { value: string | null }[] } };
}>("ministry", "GET", `/api/v1/requests/${request}/result`);
const others = providers.filter((id) => !absent.includes(id));
equal(outcome.document.contributors.join(), others.join());
const sum = others.reduce((total, _, at) => total + tenths(at), 0);
equal(Number(outcome.document.cells[0]?.value), sum / 10);
const { user, system } = process.cpuUsage();
const figures = {
  providers: count,
  absent,
  graph: opening.graph,
  contributors: others.length,
  value: outcome.document.cells[0]?.value,
  seconds: seconds(),
  cpuSeconds: Math.round((user + system) / 1e6),
  peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
};
console.log(JSON.stringify(figures));
