/** The dossier of a rough run: one provider withdraws before the mask set, another is out of reach from some message on. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Type } from "typebox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readComputationOpened } from "../../chaincode/rules/keys.ts";
import { openingContext } from "../../crypto/secagg/context.ts";
import { signStatement } from "../../crypto/suites/signed.ts";
import { firstRefusal } from "../../ledger/audit/_lying-receiver.ts";
import { copyOf, type Mutation, mutationsOf } from "../../ledger/audit/_mutations.ts";
import type { EvidenceBundle } from "../../ledger/audit/bundle.ts";
import { collectFindings, PROBLEM_CODES } from "../../ledger/audit/problems.ts";
import type { TrustFile } from "../../ledger/audit/trust.ts";
import { indexTrust } from "../../ledger/audit/trust-index.ts";
import { verifyEvidence, verifyEvidenceFile } from "../../ledger/audit/verify.ts";
import { policyOf } from "../../policies/model/policy-of.ts";
import type { ObservedMessage } from "../peer/client.ts";
import { skippingDeadlines } from "./_deadlines.ts";
import { createNetwork, defaultPolicy, type Network, PROVIDERS, TOTAL } from "./_network.ts";

const WITHDRAWN = "eta";
const DROPPED = "zeta";
const COHORT = [...PROVIDERS, WITHDRAWN, DROPPED].sort();
const COUNTED = {
  measures: [{ id: "tax", statistic: { kind: "sum", element: "tax-paid" } }],
  groupBy: [],
  filters: [],
};
/** How many changes of one part are tried; all of them are in the tests of ledger/audit. */
const CHANGES_PER_PART = 12;

describe("evidence of a run with a withdrawal before the mask set and a dropout", () => {
  let network: Network;
  let data: string;
  let trust: TrustFile;
  let onSent: (member: string, message: ObservedMessage) => void = () => undefined;

  beforeAll(async () => {
    network = await createNetwork({
      logLevel: process.env.LOG ?? "silent",
      observe: (member, message) => {
        if (message.direction === "sent") onSent(member, message);
      },
      members: [
        { id: "operator", kind: "industry" },
        { id: "ministry", kind: "government" },
        { id: "bureau", kind: "government" },
        ...COHORT.map((id) => ({ id, kind: "enterprise" as const, attributes: { sector: "17" } })),
      ],
    });
    data = await mkdtemp(join(tmpdir(), "sealane-evidence-"));
    for (const member of [WITHDRAWN, DROPPED]) await addPanel(member);
  });
  afterAll(async () => {
    await network[Symbol.asyncDispose]();
    await rm(data, { recursive: true, force: true });
  });

  /** The same table description as the other providers have. */
  async function addPanel(member: string): Promise<void> {
    const path = join(data, `${member}.csv`);
    await writeFile(path, "year,output,tax\n2024,3301.7,19.4\n2025,3407.9,23.8\n");
    const { asset } = await network.call<{ asset: object }>("alpha", "GET", "/api/v1/assets/alpha:panel");
    const own = JSON.parse(JSON.stringify(asset).replaceAll("alpha", member)) as Record<string, unknown>;
    for (const measured of ["version", "provider", "quality", "sourceDigest"]) delete own[measured];
    const policy = policyOf(defaultPolicy(member));
    await network.call(member, "POST", "/api/v1/assets", { asset: own, source: { kind: "csv", path }, policy });
  }

  /** What a provider says that finds its value missing after it dealt its shares. */
  async function withdraw(computation: string): Promise<void> {
    const { services } = network.net.node(WITHDRAWN);
    const opened = (await readComputationOpened(services.ledger, computation))!;
    const refusal = signStatement(services.identity, "secagg-message", {
      type: "refusal",
      computation,
      request: opened.body.request,
      phase: 0,
      context: openingContext(opened.body),
      body: { reason: "value-missing" },
    });
    await services.peers.call(await services.members.target("operator"), {
      method: "POST",
      path: `/peer/v1/computations/${computation}/messages`,
      body: { type: "refusal", computation, refusal },
      response: Type.Any(),
    });
  }

  const earlier = new Set<string>();
  /** Bytes of the bundle file. */
  async function roughRun(draft: object, dropsAt: string): Promise<Uint8Array> {
    const failures: unknown[] = [];
    let withdrawn = false;
    let gone = false;
    onSent = (member, { path, body }) => {
      // A dropped provider may still repeat itself about the run before.
      if (earlier.has(path.split("/")[4] ?? "")) return;
      const type = /^\{"type":"([a-z0-9-]+)"/.exec(Buffer.from(body.subarray(0, 40)).toString("utf8"))?.[1];
      if (member === WITHDRAWN && type === "shares" && !withdrawn) {
        withdrawn = true;
        withdraw(path.split("/")[4]!).catch((error: unknown) => failures.push(error));
      }
      gone ||= member === DROPPED && type === dropsAt;
      if (member === DROPPED && gone && path.includes("/messages")) throw new Error("the coordinator is out of reach");
    };
    const assets = COHORT.map((member) => `${member}:panel`);
    const request = await network.submit({ ...draft, assets });
    const end = network.state(request, ["released", "withheld", "failed", "cancelled"]);
    const view = await skippingDeadlines(network, { from: () => (gone ? [DROPPED] : []) }, end);
    onSent = () => undefined;
    earlier.add(view.computation!);
    expect({ state: view.state, reasons: view.reasons, failures }).toEqual({ state: "released", failures: [] });
    const { address, token } = network.net.node("ministry");
    const answer = await fetch(`${address.api}/api/v1/requests/${request}/evidence`, {
      headers: { authorization: `Bearer ${token}` },
    });
    trust = await network.call<TrustFile>("ministry", "GET", "/api/v1/trust");
    return new Uint8Array(await answer.arrayBuffer());
  }

  test.each([
    ["registry", "contribution-2", { query: TOTAL }],
    ["counted", "contribution-2", { query: COUNTED }],
    ["registry", "shares", { query: { ...TOTAL, groupBy: [{ element: "year" }] } }],
  ])(
    "verifies, shows who withdrew and who was missing, and no part of it can be changed: %s mode, dropped before %s",
    async (mode, dropsAt, draft) => {
      const bytes = await roughRun(draft, dropsAt);
      const report = verifyEvidenceFile(bytes, trust);
      expect(report.checks.filter(({ status }) => status === "failed")).toEqual([]);
      expect(report.verdict).toBe("verified");

      const bundle = JSON.parse(Buffer.from(bytes).toString("utf8")) as EvidenceBundle;
      const { maskset, keyset, phase2, opened } = bundle.body;
      const others = COHORT.filter((member) => member !== WITHDRAWN);
      const reached = others.filter((member) => member !== DROPPED);
      expect(opened.record.transaction.statement.body.cells.mode).toBe(mode);
      expect(keyset.record.transaction.statement.body.members).toEqual(COHORT);
      expect(maskset.refusals.map(({ signer }) => signer)).toEqual([WITHDRAWN]);
      expect(maskset.record.transaction.statement.body.members).toEqual(dropsAt === "shares" ? reached : others);
      const contributed = phase2.record.transaction.statement.body.headers.map(({ signer }) => signer);
      expect(contributed).toEqual(reached);

      for (const [part, value] of Object.entries(bundle.body)) {
        const changes = changesOf(bundle.body, part, value);
        expect(changes.length, part).toBeGreaterThan(0);
        const [first] = changes;
        expect(codesAfter(bundle, first!).length, part).toBeGreaterThan(0);
        expect(changes.filter((change) => !isRefusedThough(bundle, change)).map(nameOf), part).toEqual([]);
      }
      for (const change of spread([...mutationsOf(bundle.statement, "/statement")])) {
        expect(codesAfter(bundle, change), nameOf(change)).not.toEqual([]);
      }
      expect(verifyEvidence(bundle, trust).verdict).toBe("verified");
    },
  );

  /** Codes that the whole report names when the bundle was changed after it was made. */
  function codesAfter(bundle: EvidenceBundle, change: Mutation): readonly string[] {
    change.apply();
    const { verdict, checks } = verifyEvidence(bundle, trust);
    change.undo();
    expect(verdict, nameOf(change)).toBe("failed");
    const codes = checks.flatMap((check) => (check.status === "failed" ? check.problems : [])).map(({ code }) => code);
    expect(codes.every((code) => PROBLEM_CODES.includes(code) && code !== "verifier-error")).toBe(true);
    return codes;
  }

  /** Does the rest of the bundle contradict the change although the receiver signed it? */
  function isRefusedThough(bundle: EvidenceBundle, change: Mutation): boolean {
    const receiver = network.net.node("bureau").services.identity;
    const index = indexTrust(trust, collectFindings());
    change.apply();
    const refusal = firstRefusal(copyOf(bundle), { trust: index, receiver });
    change.undo();
    return refusal !== undefined && refusal.problem.code !== "verifier-error";
  }
});

const nameOf = ({ kind, where }: Mutation) => `${kind} ${where}`;

const spread = (all: readonly Mutation[]): readonly Mutation[] => {
  const stride = Math.max(1, Math.floor(all.length / CHANGES_PER_PART));
  return all.filter((_, at) => at % stride === 0);
};

/** Changes within one part of the body, from its beginning to its end. */
function changesOf(body: object, part: string, value: unknown): readonly Mutation[] {
  const where = `/body/${part}`;
  if (value !== null && typeof value === "object") return spread([...mutationsOf(value, where)]);
  return [...mutationsOf(body, "/body")].filter((mutation) => mutation.where === where);
}
