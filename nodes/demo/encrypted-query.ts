/** The requester asks for sums of cells of the receiver's table, with weights that nobody else learns. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { QueryEvidence } from "../../ledger/audit/query-bundle.ts";
import { verifyEvidence } from "../../ledger/audit/verify.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import type { Query } from "../../policies/model/query.ts";
import type { DemoNetwork } from "./network.ts";
import { draftOf } from "./run.ts";
import type { Scenario } from "./scenario.ts";

export interface DemoAnswers {
  readonly title: Scenario["title"];
  readonly request: string;
  readonly provider: string;
  /** `plain`: worked out from the file itself. */
  readonly figures: readonly { readonly id: string; readonly value: string | null; readonly plain: string }[];
  readonly exact: boolean;
  /** Its evidence, offline. */
  readonly verified: boolean;
  readonly ms: number;
}
interface Answered {
  readonly figures: readonly { readonly id: string; readonly value: string | null }[];
}
type Question = NonNullable<Scenario["encrypted"]>;

const POLL_MS = 40;
const TRIES = 3_000;

/** Answers and the bundle, as its requester got it. */
export async function askEncrypted(
  network: DemoNetwork,
  scenario: Scenario,
  question: Question,
  now: Date,
): Promise<{ readonly answers: DemoAnswers; readonly evidence: QueryEvidence }> {
  const startedAt = performance.now();
  const { asset, source } = question.registration;
  const { measure, groupBy } = question;
  await network
    .api(scenario.receiver.id)
    .post("/assets", { asset, source, policy: policyFor(scenario, question, now) });
  const requester = network.api(scenario.requester.id);
  const query: Query = {
    measures: [{ id: measure.id, statistic: { kind: "sum", element: measure.element } }],
    groupBy: [{ element: groupBy }],
    filters: [],
  };
  const { id } = await requester.post<{ id: string }>("/requests", {
    ...draftOf(scenario, { id: "encrypted-query", title: question.title, query }, now),
    assets: [asset.id],
    receiverMode: "direct",
    receiver: scenario.requester.id,
    encryptedQuery: { figures: question.figures.length },
  });
  await agreed(requester, id);
  const figures = question.figures.map(({ id: name, weights }) => ({
    id: name,
    terms: Object.entries(weights).map(([code, weight]) => ({
      group: { [groupBy]: code },
      measure: measure.id,
      weight,
    })),
  }));
  const answered = await requester.post<Answered>(`/requests/${id}/queries`, { figures });
  const evidence = await requester.get<QueryEvidence>(`/requests/${id}/queries/evidence`);
  const plain = await plainFigures(question);
  const compared = answered.figures.map(({ id: name, value }, at) => ({ id: name, value, plain: plain[at]! }));
  const trust = await network.api(scenario.operator.id).get<unknown>("/trust");
  const answers = {
    title: question.title,
    request: id,
    provider: scenario.receiver.id,
    figures: compared,
    exact: compared.every(({ value, plain: other }) => value === other),
    verified: verifyEvidence(evidence, trust).verdict === "verified",
    ms: Math.round(performance.now() - startedAt),
  };
  return { answers, evidence };
}

async function agreed(requester: ReturnType<DemoNetwork["api"]>, id: string): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    const { state } = await requester.get<{ state: string }>(`/requests/${id}`);
    if (state === "agreed" || state === "cancelled") return;
    await sleep(POLL_MS);
  }
}

/** As many figures of this table as are asked for. */
function policyFor(scenario: Scenario, { registration, measure, groupBy, figures }: Question, now: Date) {
  return policyOf({
    id: `${registration.asset.id}:policy`,
    version: 1,
    asset: registration.asset.id,
    provider: scenario.receiver.id,
    purposes: [scenario.purpose.code],
    requesterKinds: ["government"],
    territories: [scenario.territory],
    validUntil: new Date(Date.UTC(now.getUTCFullYear() + 1, 11, 31)).toISOString(),
    receiverModes: ["direct"],
    approval: "none",
    coordinatorMayBeSequencer: true,
    countUnits: false,
    aggregate: { [measure.element]: ["sum"] },
    groupBy: { elements: [groupBy] },
    answers: figures.length,
  });
}

/** Weights and cells have six digits after the point at most. */
const DIGITS = 6;

/** The file read as it lies there, without SQL and without the code that encrypts. */
async function plainFigures({ registration, figures }: Question): Promise<readonly string[]> {
  const text = await readFile(registration.source.path, "utf8");
  const rows = text.trim().split("\n").slice(1);
  const cells = new Map(rows.map((row) => row.split(",") as [string, string]));
  return figures.map(({ weights }) => {
    const products = Object.entries(weights).map(([code, weight]) => scaled(weight) * scaled(cells.get(code) ?? "0"));
    return decimal(products.reduce((sum, one) => sum + one, 0n));
  });
}

function scaled(text: string): bigint {
  const [whole = "", part = ""] = text.replace("-", "").split(".");
  const number = BigInt(whole + part.padEnd(DIGITS, "0"));
  return text.startsWith("-") ? -number : number;
}

function decimal(product: bigint): string {
  const digits = `${product < 0n ? -product : product}`.padStart(2 * DIGITS + 1, "0");
  const [whole, part] = [digits.slice(0, -2 * DIGITS), digits.slice(-2 * DIGITS).replace(/0+$/, "")];
  return `${product < 0n ? "-" : ""}${whole}${part === "" ? "" : `.${part}`}`;
}
