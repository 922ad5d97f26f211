/** Who takes part, what they hold, what is asked: every round asks for a figure that no round before it asked for. */
import { type PlainTable, plainFigures } from "../../exchange/statistics/plain.ts";
import type { Asset } from "../../policies/model/asset.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import type { Query } from "../../policies/model/query.ts";
import type { TestnetMember } from "../testnet/local-member.ts";
import { seededRandom } from "./random.ts";

export const PROVIDERS = ["alpha", "beta", "delta", "gamma"] as const;
export const SEQUENCER = "operator";
export const COORDINATOR = "hub";
export const RECEIVER = "bureau";
export const REQUESTER = "ministry";
/** A provider that cosigns as well: two of these three are the quorum. */
export const COSIGNER = "delta";
const COSIGNERS: readonly string[] = [COSIGNER, RECEIVER, COORDINATOR];

const CODES = 64;
/** Rounds that one network has figures for. */
export const MAX_ROUNDS = CODES * CODES;
/** Rounds of one network whose vectors have several chunks. */
export const MAX_LONG_ROUNDS = CODES;

export const MEMBERS: readonly TestnetMember[] = (
  [
    { id: SEQUENCER, kind: "industry" },
    { id: REQUESTER, kind: "government" },
    { id: RECEIVER, kind: "government" },
    { id: COORDINATOR, kind: "industry" },
    ...PROVIDERS.map((id) => ({ id, kind: "enterprise" as const })),
  ] as const
).map((member) => ({ ...member, cosigner: COSIGNERS.includes(member.id) }));

const codes = Array.from({ length: CODES }, (_, at) => `c${String(at).padStart(2, "0")}`);
const assetId = (member: string): string => `${member}:panel`;
/** The table without its last row, under a policy that wants noise. */
export const noisedId = (member: string): string => `${member}:noised`;

/** One row per year and branch. The tax of a row is missing at one provider in some of them. */
export function tableOf(member: string): PlainTable {
  const random = seededRandom([...member].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7));
  const tenths = (below: number) => (1 + random.below(below)) / 10;
  const rows = codes.flatMap((year, y) =>
    codes.map((branch, b) => {
      const isMissing = (7 * y + b) % 9 === 0 && PROVIDERS[(y + b) % PROVIDERS.length] === member;
      const tax = isMissing ? "" : tenths(9_000).toFixed(1);
      return [year, branch, tenths(90_000).toFixed(1), tax, tenths(90_000).toFixed(1)].join();
    }),
  );
  return { csv: `year,branch,output,tax,energy\n${rows.join("\n")}\n`, asset: assetOf(member), attributes: {} };
}

function assetOf(member: string): Asset {
  const table = (name: string) => ({ name, element: name, type: "code", codeTable: name }) as const;
  const amount = (name: string, element: string, maximum: string) =>
    ({ name, element, type: "decimal", scale: 1, unit: "CNY", bounds: { minimum: "0", maximum } }) as const;
  const codeTable = codes.map((code) => ({ code }));
  return {
    id: assetId(member),
    title: { en: `Panel of ${member}` },
    keywords: [],
    fields: [
      table("year"),
      table("branch"),
      { ...amount("output", "output-value", "1000000"), alwaysPresent: true },
      amount("tax", "tax-paid", "100000"),
      { ...amount("energy", "energy-used", "100000"), alwaysPresent: true },
    ],
    codeTables: { year: codeTable, branch: codeTable },
    unit: { kind: "provider" },
    unitDomain: `${member}-units`,
    grade: { legal: "general", level: "L1" },
  } as unknown as Asset;
}

/** Figures of one agreement on encrypted queries. */
export const ANSWERS = 3;

/** `answers`: how many figures of encrypted queries an agreement may be about. */
export const registrationOf = (member: string, path: string, answers?: number) => ({
  asset: assetOf(member),
  source: { kind: "csv", path },
  policy: policyOf({
    id: `${assetId(member)}:policy`,
    version: 1,
    asset: assetId(member),
    provider: member,
    purposes: ["industry-statistics"],
    requesterKinds: ["government"],
    validUntil: "2099-12-31T00:00:00Z",
    receiverModes: answers === undefined ? ["reviewed"] : ["reviewed", "direct"],
    ...(answers === undefined ? {} : { answers }),
    releaseAuthorities: [RECEIVER],
    approval: "none",
    counts: "open",
    minimumOrganisations: 3,
    minimumUnits: 0,
    colluders: 0,
    countUnits: true,
    aggregate: {
      "output-value": ["sum"],
      "tax-paid": ["sum"],
      "energy-used": ["sum"],
      year: ["distinct"],
      branch: ["distinct"],
    },
    groupBy: { elements: ["year"] },
    filter: { year: { predicates: ["eq"] }, branch: { predicates: ["eq"] } },
  }),
});

export function noisedRegistrationOf(member: string, path: string) {
  const { asset, source, policy } = registrationOf(member, path);
  const [use, ...others] = policy.permission;
  const privacy = {
    epsilon: "0.5",
    budget: "900",
    clips: [{ element: "output-value", minimum: "0", maximum: "9000" }],
  };
  const wanted = { leftOperand: "sealane:privacy", operator: "eq" as const, rightOperand: privacy };
  const id = noisedId(member);
  return {
    asset: { ...asset, id, unitDomain: `${member}-noised` },
    source,
    policy: {
      ...policy,
      "@id": `${id}:policy`,
      target: id,
      permission: [{ ...use!, constraint: [...use!.constraint!, wanted] }, ...others],
    },
  };
}
export const noisedCsv = (csv: string): string => csv.slice(0, csv.lastIndexOf("\n", csv.length - 2) + 1);

const isIn = (name: string, at: number) => ({ element: name, operator: "eq" as const, values: [codes[at]!] });

/** The question of a round: `output` is present everywhere (registry mode), `tax` is counted first. */
export function queryOf(round: number, mode: "registry" | "counted"): Query {
  const element = mode === "registry" ? "output-value" : "tax-paid";
  return {
    measures: [{ id: "total", statistic: { kind: "sum", element } }],
    groupBy: [],
    filters: [isIn("year", Math.floor(round / CODES)), isIn("branch", round % CODES)],
  };
}

/** With two sketches in each of its cells it has half a million words: two chunks. `nth` is below MAX_LONG_ROUNDS. */
export const longQueryOf = (nth: number): Query => ({
  measures: [
    { id: "total", statistic: { kind: "sum", element: "energy-used" } },
    { id: "years", statistic: { kind: "distinct", element: "year" } },
    { id: "branches", statistic: { kind: "distinct", element: "branch" } },
  ],
  groupBy: [{ element: "year" }],
  filters: [isIn("branch", nth)],
});

export const draftOf = (id: string, query: Query, purpose = "industry-statistics", named = assetId) => ({
  id,
  title: { en: "A round of the crash suite" },
  purpose: { code: purpose, text: "statistics of the industry" },
  legalBasis: { code: "statistics-law", text: "Statistics Law, duty to survey" },
  scenario: "government-service",
  query,
  assets: PROVIDERS.map(named),
  recipients: [],
  territory: "CN",
  validity: { from: "2020-01-01", to: "2099-12-31" },
  retentionDays: 30,
  receiverMode: "reviewed",
  receiver: RECEIVER,
  coordinator: COORDINATOR,
});

/** Encrypted queries about the same cells in every round: other cells would be other releases. */
export const queriedDraftOf = (id: string, provider: string) => ({
  ...draftOf(id, { ...queryOf(0, "registry"), groupBy: [{ element: "year" }], filters: [isIn("branch", 0)] }),
  assets: [assetId(provider)],
  receiverMode: "direct",
  receiver: REQUESTER,
  encryptedQuery: { figures: ANSWERS },
});
export const YEAR = codes[7]!;

/** The independent totals over the tables of these members, by group. */
export function plainTotals(
  query: Query,
  members: readonly string[],
  tables: ReadonlyMap<string, PlainTable>,
): ReadonlyMap<string, string | null> {
  const [total] = query.measures;
  const figures = plainFigures(
    { ...query, measures: [total!] },
    members.map((member) => tables.get(member)!),
    {},
  );
  return new Map(figures.map(({ group, value }) => [groupText(group), value]));
}

export const groupText = (group: Readonly<Record<string, string>>): string => JSON.stringify(group);
