/**
 * Decisions under a policy of many rules: the engine, which checks every document as if a stranger had sent it and explains
 * each verdict, beside a plain reading of the same policy that only says yes or no (policies/engine/_plain-decision.ts).
 * The same mixed requests for both, in turns, processor time; where they disagree, `disagreements` counts it. Beside it
 * what a member asks its releases before it signs another one, of which all are of few records and many cohorts.
 */
import { type ContributingSet, firstForbidden, type HistoryEntry } from "../../crypto/secagg/history.ts";
import { plainDecision } from "../../policies/engine/_plain-decision.ts";
import { decide } from "../../policies/engine/decide.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { DecisionContext } from "../../policies/model/context.ts";
import { parsePolicy } from "../../policies/model/parse-policy.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import type { DataRequest } from "../../policies/model/request.ts";
import { defineBench } from "./bench.ts";

const ROUNDS = 5;

export const policyBench = defineBench(
  {
    rules: { full: 100, tiny: 10 },
    decisions: { full: 20_000, tiny: 50 },
    releases: { full: 10_000, tiny: 100 },
  },
  async ({ sizes, note }) => {
    const policy = policyWith(sizes.rules);
    const asset = assetWith(sizes.rules);
    const requests = Array.from({ length: 64 }, (_, index) => requestOf(index, sizes.rules));
    const each = (decideOne: (request: DataRequest) => string) => {
      for (let index = 0; index < sizes.decisions; index++) decideOne(requests[index % requests.length]!);
    };
    const engine = (request: DataRequest) => decide(policy, request, asset, CONTEXT).outcome;
    const plain = (request: DataRequest) => plainDecision(policy, request, asset, CONTEXT);
    const disagreements = requests.filter((request) => engine(request) !== plain(request)).length;
    const permitted = requests.filter((request) => engine(request) === "permit").length;
    const times = { engine: [] as number[], plain: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      note(`round ${round + 1} of ${ROUNDS}`);
      times.engine.push(secondsOf(() => each(engine)));
      times.plain.push(secondsOf(() => each(plain)));
    }
    const parsing = secondsOf(() => {
      // Another text each time: one that was read before is not read again.
      for (let version = 1; version <= 50; version++) parsePolicy({ ...policy, "sealane:version": version });
    });
    const history = historyOf(sizes.releases);
    const asked = Array.from({ length: 40 }, (_, index) => releaseOf(sizes.releases + index));
    note(`${sizes.releases} past releases`);
    const first = secondsOf(() => firstForbidden(history, asked[0]!));
    const each40 = asked.map((proposed) => secondsOf(() => firstForbidden(history, proposed)));
    const forbidden = asked.filter((proposed) => firstForbidden(history, proposed) !== undefined).length;
    const perSecond = (all: readonly number[]) => sizes.decisions / Math.min(...all);
    return {
      parameters: { ...sizes, requests: requests.length },
      results: [
        {
          metric: "decisionsPerSecondPerCore",
          value: perSecond(times.engine),
          unit: "/s of processor time",
          target: { atLeast: 5_000 },
        },
        { metric: "plainPerSecondPerCore", value: perSecond(times.plain), unit: "/s of processor time" },
        { metric: "costRatio", value: Math.min(...times.engine) / Math.min(...times.plain), unit: "x plain" },
        { metric: "disagreements", value: disagreements, unit: "requests", target: { atMost: 0 } },
        {
          metric: "historyMs",
          value: 1000 * Math.max(...each40),
          unit: "ms, the longest of 40",
          target: { atMost: 50 },
        },
        { metric: "historyFirstMs", value: 1000 * first, unit: "ms, with the index of all" },
        { metric: "historyForbidden", value: forbidden / asked.length, unit: "of 40" },
        { metric: "permitted", value: permitted / requests.length, unit: "of requests" },
        { metric: "parseMs", value: (1000 * parsing) / 50, unit: "ms, once for each new policy" },
      ],
    };
  },
);

/** Processor time: other work on the machine does not count. */
function secondsOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const RECORDS = 49;
const ORGANISATIONS = Array.from({ length: 40 }, (_, index) => `organisation-${index}:data#1`);

/** Cohorts in blocks of four organisations: whatever is combined concerns whole blocks, and every tenth adds one organisation. */
function releaseOf(index: number): HistoryEntry {
  const blocks = (Math.imul(index, 2_654_435_761) >>> 22) | 1;
  const pairs = ORGANISATIONS.filter((_, at) => (blocks >> (at >> 2)) % 2 === 1);
  const isOdd = index % 10 === 9 && pairs.length < ORGANISATIONS.length;
  const one = ORGANISATIONS.find((name) => !pairs.includes(name));
  const set: ContributingSet = { kind: "exact", pairs: isOdd ? [...pairs, one!].toSorted() : pairs };
  const cells = [{ recordKey: `record-${index % RECORDS}`, set: 0 }];
  return { computation: `${index}`, digest: `${index}`, position: index, need: 3, sets: [set], cells };
}

/** What was released before was allowed then: no set with one organisation more. */
const historyOf = (length: number): readonly HistoryEntry[] =>
  Array.from({ length: 2 * length }, (_, index) => releaseOf(index))
    .filter(({ computation }) => Number(computation) % 10 !== 9)
    .slice(0, length);

const measureOf = (index: number) => `measure-${index}`;
const codeOf = (index: number) => `code-${index}`;

/** One permission to use; of the others half open a number for functions, a quarter each a code for filters and groups. */
function policyWith(rules: number): Policy {
  const numbers = Array.from({ length: Math.ceil((rules - 1) / 2) }, (_, index) => measureOf(index));
  const codes = Array.from({ length: Math.floor((rules - 1) / 4) }, (_, index) => codeOf(index));
  const document = policyOf({
    id: "bench-policy",
    version: 1,
    asset: "acme:panel",
    provider: "acme",
    purposes: ["industry-statistics", "energy-benchmark"],
    requesterKinds: ["government"],
    validUntil: "2027-12-31T00:00:00Z",
    receiverModes: ["direct", "reviewed"],
    releaseAuthorities: ["bureau"],
    approval: "none",
    counts: "open",
    coordinatorMayBeSequencer: true,
    aggregate: Object.fromEntries(numbers.map((element) => [element, ["sum", "mean"] as const])),
    filter: Object.fromEntries(codes.map((element) => [element, { predicates: ["eq", "isAnyOf"] as const }])),
  });
  for (let index = codes.length; document.permission.length < rules; index++) {
    const constraint = [
      { leftOperand: "sealane:element", operator: "isAnyOf", rightOperand: [codeOf(index - codes.length)] },
    ];
    document.permission.push({ action: "sealane:groupBy", constraint });
  }
  const parsed = parsePolicy(document);
  if (!parsed.ok) throw new Error(`bench policy: ${JSON.stringify(parsed.problems)}`);
  return parsed.policy;
}

const CODES = Array.from({ length: 20 }, (_, index) => ({ code: `c${index}` }));

function assetWith(rules: number): Asset {
  return {
    id: "acme:panel",
    version: 1,
    provider: "acme",
    title: { en: "Panel" },
    keywords: [],
    fields: Array.from({ length: rules }, (_, index) => [
      {
        name: `m${index}`,
        element: measureOf(index),
        type: "decimal" as const,
        scale: 2,
        bounds: { minimum: "0", maximum: "1000000" },
      },
      { name: `c${index}`, element: codeOf(index), type: "code" as const, codeTable: "codes" },
    ]).flat(),
    codeTables: { codes: CODES },
    unit: { kind: "provider" },
    unitDomain: "acme",
    grade: { legal: "general", level: "L1" },
    quality: { rows: 1_000, fields: {} },
    sourceDigest: "A".repeat(43),
  };
}

/** Half of them permitted; the others name a purpose, a column, a code or a function that is closed. */
function requestOf(index: number, rules: number): DataRequest {
  const numbers = Math.ceil((rules - 1) / 2);
  const codes = Math.floor((rules - 1) / 4);
  const wrong = index % 2 === 0 ? undefined : (["purpose", "column", "code", "function"] as const)[(index >> 1) % 4];
  return {
    id: "00000000-0000-4000-8000-000000000001",
    requester: "government",
    title: { en: "Request" },
    purpose: { code: wrong === "purpose" ? "enforcement" : "industry-statistics", text: "x" },
    legalBasis: { code: "statistics-law", text: "x" },
    scenario: "government-service",
    query: {
      measures: Array.from({ length: 1 + (index % 4) }, (_, at) => ({
        id: `m${at}`,
        statistic: {
          kind: wrong === "function" ? ("variance" as const) : ("sum" as const),
          element: measureOf(wrong === "column" ? numbers + at : (index + at) % numbers),
        },
      })),
      groupBy: [{ element: codeOf(index % codes) }],
      filters: [
        { element: codeOf((index + 1) % codes), operator: "eq", values: [wrong === "code" ? "c99" : `c${index % 20}`] },
      ],
    },
    assets: Array.from({ length: 11 }, (_, at) => (at === 0 ? "acme:panel" : `provider-${at}:panel`)),
    recipients: [],
    territory: "CN",
    validity: { from: "2026-11-01", to: "2026-12-31" },
    retentionDays: 30,
    receiverMode: "reviewed",
    receiver: "bureau",
    coordinator: "operator",
    createdAt: "2026-11-22T08:00:00Z",
  };
}

const CONTEXT: DecisionContext = {
  provider: { id: "acme", kind: "enterprise", holdingGroup: "acme" },
  requester: { id: "government", kind: "government", holdingGroup: "government" },
  receiver: { id: "bureau", kind: "government", holdingGroup: "bureau" },
  coordinator: { id: "operator", kind: "industry", holdingGroup: "operator" },
  sequencer: { id: "operator", kind: "industry", holdingGroup: "operator" },
  now: "2026-11-22T09:00:00Z",
  usesSoFar: 0,
  attributes: { sector: ["oil", "metals"] },
  quantities: { USD: "USD", "USD-M": "USD" },
};
