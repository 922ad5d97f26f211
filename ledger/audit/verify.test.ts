import { beforeAll, describe, expect, it } from "vitest";
import { type Life, type LifeOptions, playLife, sealBundle } from "./_fixture.ts";
import { firstRefusal } from "./_lying-receiver.ts";
import { copyOf, mutationsOf, shapeOf } from "./_mutations.ts";
import { encodeEvidence, tlogProofOf } from "./build.ts";
import type { EvidenceBundle } from "./bundle.ts";
import { checkClose1 } from "./check-rounds.ts";
import { evidenceOf } from "./evidence.ts";
import { collectFindings, PROBLEM_CODES } from "./problems.ts";
import { CHECKS, type CheckId, type Report } from "./report.ts";
import { WITHHELD } from "./result.ts";
import type { TrustFile } from "./trust.ts";
import { indexTrust } from "./trust-index.ts";
import { verifyEvidence, verifyEvidenceFile } from "./verify.ts";

let registry: Life;
let counted: Life;
beforeAll(async () => {
  registry = await playLife({ mode: "registry" });
  counted = await playLife({ mode: "counted" });
});

const problemsOf = (report: Report, id: CheckId) => {
  const check = report.checks.find((found) => found.id === id);
  return check?.status === "failed" ? check.problems : [];
};
type Cells = { cells: { group: Record<string, unknown> }[] };
const statusOf = (report: Report, id: CheckId) => report.checks.find((found) => found.id === id)?.status;

describe("a bundle with what no canonical JSON can carry", () => {
  it.each([
    ["half a surrogate pair", "\ud800"],
    ["half a surrogate pair in a name", { "\udc00": 1 }],
    ["a number beyond every double", Number.POSITIVE_INFINITY],
  ])("fails by its form, and the verifier does not: %s", (_what, hostile) => {
    const bundle = copyOf(registry.bundle);
    (bundle.body.opened.query as { document: unknown }).document = hostile;
    const report = verifyEvidence(bundle, registry.trust);
    expect(report.verdict).toBe("failed");
    expect(problemsOf(report, "bundle-format")).toMatchObject([{ code: "not-json" }]);
  });
});

describe("a true bundle", () => {
  it.each(["registry", "counted"] as const)("verifies: %s mode", (mode) => {
    const life = mode === "registry" ? registry : counted;
    const report = verifyEvidenceFile(Buffer.from(encodeEvidence(life.bundle)), life.trust);
    expect(report.checks.filter(({ status }) => status === "failed")).toEqual([]);
    expect(report.verdict).toBe("verified");
    expect(report.checks.map(({ id }) => id)).toEqual([...CHECKS]);
    const passed = report.checks.filter(({ status }) => status === "passed").length;
    // Of these two are about Fabric.
    expect(passed).toBe(mode === "registry" ? CHECKS.length - 7 : CHECKS.length - 4);
    expect(report).toMatchObject({
      network: "auditnet",
      request: life.parts.request,
      computation: life.parts.computation,
    });
  });

  it("verifies where nobody withdrew", async () => {
    const life = await playLife({ mode: "registry", withdrawn: [] });
    expect(verifyEvidence(life.bundle, life.trust).verdict).toBe("verified");
    expect(life.bundle.body.maskset.refusals).toEqual([]);
  });

  it("verifies for a withheld result, and says that there was no result to look at", async () => {
    const life = await playLife({ mode: "registry", outcome: "withheld" });
    const report = verifyEvidence(life.bundle, life.trust);
    expect(report.verdict).toBe("verified");
    expect(statusOf(report, "result-shape")).toBe("not-run");
  });

  it("gives third-party verifiers each record as a stand-alone tlog proof", () => {
    const { checkpoints, maskset } = registry.bundle.body;
    const text = tlogProofOf(checkpoints, maskset.record);
    expect(text).toContain(`c2sp.org/tlog-proof@v1\nindex ${maskset.record.position}\n`);
    expect(registry.parts.maskset.record.proof).toEqual({ kind: "tlog", proof: text });
  });

  it("keeps every checkpoint once, however many records it proves", () => {
    expect(registry.bundle.body.checkpoints).toHaveLength(1);
  });
});

describe("a report", () => {
  it("never shows a check that did not run as passed", () => {
    const { origin: _, ...broken } = registry.trust;
    const report = verifyEvidence(registry.bundle, broken);
    expect(report.verdict).toBe("failed");
    expect(statusOf(report, "trust-format")).toBe("failed");
    expect(statusOf(report, "inclusion")).toBe("not-run");
    expect(statusOf(report, "release")).toBe("not-run");
    expect(report.checks).toHaveLength(CHECKS.length);
  });

  it.each([undefined, null, 5, "x", [], {}, { body: {}, statement: {} }])("survives the bundle %j", (bundle) => {
    expect(verifyEvidence(bundle, registry.trust).verdict).toBe("failed");
    expect(verifyEvidence(registry.bundle, bundle).verdict).toBe("failed");
  });

  it("survives nesting beyond any stack", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 200_000; i++) deep = [deep];
    const bundle = copyOf(registry.bundle);
    bundle.body.agreements[0]!.document = deep;
    expect(problemsOf(verifyEvidence(bundle, registry.trust), "bundle-format")).toMatchObject([{ code: "too-deep" }]);
  });

  it.each(["", "{", "null", "\ufeff{}", "["])("survives the file %j, once and repeated", (text) => {
    expect(verifyEvidenceFile(Buffer.from(text), registry.trust).verdict).toBe("failed");
    expect(verifyEvidenceFile(Buffer.from(text.repeat(100_000)), registry.trust).verdict).toBe("failed");
  });

  it("refuses a group whose name is no code", () => {
    const bundle = copyOf(registry.bundle) as unknown as { body: { outcome: { result: { document: Cells } } } };
    Object.assign(bundle.body.outcome.result.document.cells[0]!.group, { "a b": { any: "thing" } });
    expect(problemsOf(verifyEvidence(bundle, registry.trust), "bundle-format")).toContainEqual(
      expect.objectContaining({ where: "/body/outcome/result/document/cells/0/group", code: "schema" }),
    );
  });

  it("names the file that is the right bundle in another notation", () => {
    const pretty = Buffer.from(JSON.stringify(registry.bundle, null, 1));
    expect(problemsOf(verifyEvidenceFile(pretty, registry.trust), "bundle-encoding")).toMatchObject([
      { code: "not-canonical" },
    ]);
  });
});

describe("after the bundle is made", () => {
  it("a changed, dropped, added, swapped, repeated or cut value is found (every single one in the slow tests)", () => {
    const bundle = copyOf(counted.bundle);
    const trust = indexTrust(counted.trust, collectFindings());
    const missed = [...mutationsOf(bundle)]
      .filter((_, at) => at % 53 === 0)
      .filter((mutation) => {
        mutation.apply();
        const refusal = firstRefusal(bundle, { trust, receiver: undefined });
        mutation.undo();
        return refusal === undefined;
      });
    expect(missed.map(({ where, kind }) => `${kind} ${where}`)).toEqual([]);
    expect(bundle).toEqual(counted.bundle);
  });

  it("a flipped bit anywhere in the file is found, with a named reason", () => {
    const bytes = Buffer.from(encodeEvidence(registry.bundle));
    for (let i = 0; i < 24; i++) {
      const at = Math.floor((i * bytes.length) / 24) + (i % 7);
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << (i % 8);
      const report = verifyEvidenceFile(flipped, registry.trust);
      expect(report.verdict, `byte ${at}`).toBe("failed");
      const problems = report.checks.flatMap((check) => (check.status === "failed" ? check.problems : []));
      expect(problems.every(({ code }) => PROBLEM_CODES.includes(code))).toBe(true);
    }
  });
});

describe("a lying receiver that signs its changed bundle anew", () => {
  it("is found out at every place of the bundle but its own statement", () => {
    const bundle = copyOf(counted.bundle);
    const trust = indexTrust(counted.trust, collectFindings());
    const receiver = counted.ledger.signer("bureau");
    const seen = new Set<string>();
    const missed: string[] = [];
    for (const mutation of mutationsOf(bundle.body, "/body")) {
      const shape = shapeOf(mutation.where);
      if (mutation.kind !== "change" || seen.has(shape)) continue;
      seen.add(shape);
      // Every single one in the slow tests.
      if (seen.size % 4 !== 0) continue;
      mutation.apply();
      if (firstRefusal(bundle, { trust, receiver }) === undefined) missed.push(mutation.where);
      mutation.undo();
    }
    expect(missed).toEqual([]);
    expect(seen.size).toBeGreaterThan(400);
  });

  it("cannot borrow the closing set and views of another ledger", () => {
    const bundle = sealBundle({ ...registry.parts, phase2: counted.parts.phase2 }, registry.ledger.signer("bureau"));
    const report = verifyEvidence(bundle, registry.trust);
    expect(problemsOf(report, "close-2").map(({ code }) => code)).toContain("context");
  });

  it("cannot leave out, invent or move to another member the withdrawal that the mask set rests on", () => {
    const { maskset } = registry.parts;
    const [refusal] = maskset.refusals;
    const forged = { ...refusal!, signer: "p8" };
    for (const refusals of [[], [forged], [forged, refusal!]]) {
      const parts = { ...registry.parts, maskset: { ...maskset, refusals } };
      const report = verifyEvidence(sealBundle(parts, registry.ledger.signer("bureau")), registry.trust);
      const codes = problemsOf(report, "maskset").map(({ code }) => code);
      expect(codes).toEqual(expect.arrayContaining(["root", "member-set"]));
      expect(codes.includes("signature") || codes.includes("key-unknown")).toBe(refusals.length > 0);
    }
  });

  it("cannot let another member sign its statement", () => {
    const bundle = sealBundle(registry.parts, registry.ledger.signer("gov"));
    expect(problemsOf(verifyEvidence(bundle, registry.trust), "receiver-statement")).toMatchObject([
      { code: "wrong-signer", values: { expected: "bureau", got: "gov" } },
    ]);
  });
});

const threatened =
  (constants: Partial<TransactionConstants>): LifeOptions["opening"] =>
  (body) => ({
    ...body,
    constants: { ...body.constants, ...constants },
  });
type TransactionConstants = Parameters<NonNullable<LifeOptions["opening"]>>[0]["constants"];

/** Sequencer and quorum collude: everything below is on a properly cosigned ledger. */
const LIES: readonly (readonly [lie: string, check: CheckId, code: string, options: Partial<LifeOptions>])[] = [
  ["a quorum below two thirds", "constants", "constant", { opening: threatened({ quorum: 5, threshold: 5 }) }],
  ["a need below 3 + c", "constants", "constant", { opening: threatened({ minimumOrganisations: 2, need: 2 }) }],
  ["a cohort that is counted wrong", "constants", "constant", { opening: threatened({ members: 8 }) }],
  [
    "a coordinator that is also receiver",
    "roles",
    "role-separation",
    { opening: (b) => ({ ...b, coordinator: "bureau" }) },
  ],
  [
    "a coordinator the request does not name",
    "request",
    "request-mismatch",
    { opening: (b) => ({ ...b, coordinator: "p1" }) },
  ],
  [
    "the requester's group in the cohort",
    "roles",
    "role-separation",
    { groupOf: (m) => (m === "p1" ? "group-gov" : `group-${m}`) },
  ],
  [
    "the sequencer's group in the cohort",
    "roles",
    "role-separation",
    { groupOf: (m) => (m === "p1" ? "group-operator" : `group-${m}`) },
  ],
  [
    "requester and reviewer of one group",
    "roles",
    "role-separation",
    { groupOf: (m) => (m === "gov" ? "group-bureau" : `group-${m}`) },
  ],
  [
    "two cohort members of one group",
    "cohort",
    "holding-group",
    { groupOf: (m) => (m === "p1" ? "group-p2" : `group-${m}`) },
  ],
  ["a descending cohort", "cohort", "cohort-order", { opening: (b) => ({ ...b, cohort: b.cohort.toReversed() }) }],
  [
    "deadlines that do not ascend",
    "constants",
    "deadline-order",
    { opening: (b) => ({ ...b, deadlines: { ...b.deadlines, shares: b.deadlines.keys } }) },
  ],
  ["a decision that is no permit", "decisions", "not-permit", { decision: { outcome: "wait" } }],
  ["a policy version that was never active", "policy-versions", "policy-version", { decision: { policyVersion: 3 } }],
  [
    "another policy than the active one",
    "policy-versions",
    "policy-digest",
    { decision: { policyDigest: "A".repeat(43) } },
  ],
  ["agreements before decisions", "order", "order", { agreementsFirst: true }],
  [
    "agreements that had ended at the opening",
    "agreements",
    "agreement-expired",
    { agreement: { validUntil: "2026-01-05T08:00:30Z" } },
  ],
  ["agreements of another consumer", "agreements", "agreement-mismatch", { agreement: { consumer: "operator" } }],
  ["an opened cell below its minimum", "close-2", "cell-minimum", { bitmap: 7 }],
  ["a left-out cell that its complement gives away", "close-2", "cell-minimum", { bitmap: 3 }],
  ["a phase closed before its deadline without everyone", "close-2", "closed-early", { early: true }],
  ["fewer views than the quorum", "views-2", "quorum", { views: 6 }],
  ["a member that withdrew", "maskset", "member-set", { masked: (members) => [...members, "p9"] }],
  ["a dealer left out that nobody refused", "maskset", "member-set", { withdrawn: [], masked: (m) => m.slice(0, -1) }],
  ["figures of a cell that was never opened", "withheld-cells", "released-cell", { shown: 3 }],
  ["a cell left out that had enough", "withheld-cells", "withheld-cell", { bitmap: 0, shown: 0 }],
  [
    "which cell was too small by itself",
    "withheld-cells",
    "withheld-code",
    { withheldBy: ["", "minimum-organisations", WITHHELD] },
  ],
  ["a wrong number of withheld figures", "release", "withheld-count", { release: { withheldCells: 9 } }],
  ["other rules than the record's", "release", "rules-mismatch", { release: { rules: [] } }],
  [
    "rules about the largest contributors that no policy has",
    "release",
    "rules-mismatch",
    {
      outputRules: {
        dominance: [{ largest: "1", percent: "60" }],
        pPercent: null,
        pq: [],
        protectionInterval: "10",
        zeroCells: "withheld",
      },
    },
  ],
  ["a release that the receiver did not sign", "release", "wrong-signer", { releaser: "operator" }],
];

describe("a lying ledger whose quorum colludes", () => {
  it.each(LIES)("cannot hide %s", async (_lie, check, code, options) => {
    const mode = "registry";
    const life = await playLife({ mode, lawless: true, ...options });
    const report = verifyEvidence(life.bundle, life.trust);
    expect(report.verdict).toBe("failed");
    expect(problemsOf(report, check).map((problem) => problem.code)).toContain(code);
  });

  it("cannot leave out counted cells that the counts show to be large enough", async () => {
    const life = await playLife({ mode: "counted", lawless: true, bitmap: 0, shown: 0 });
    expect(problemsOf(verifyEvidence(life.bundle, life.trust), "withheld-cells")).toContainEqual(
      expect.objectContaining({ code: "withheld-cell", values: expect.objectContaining({ atom: 0 }) }),
    );
  });

  it("cannot leave out the sum that fingerprints are checked against, nor name one where there are none", async () => {
    const small = await playLife({ mode: "counted", lawless: true, sum: "A".repeat(43) });
    const where = "/body/phase1/closing/record/transaction/statement/body/sum";
    expect(problemsOf(verifyEvidence(small.bundle, small.trust), "close-1")).toEqual([
      { where, code: "closing-sum", values: { expected: 0 } },
    ]);
    // The same records as of a table of 60,000 cells, which nine members check by fingerprints.
    const codes = (life: typeof small) => {
      const bundle = copyOf(life.bundle);
      bundle.body.opened.layout.document.layout.atoms = 60_000;
      const findings = collectFindings();
      checkClose1(evidenceOf(bundle, indexTrust(life.trust, collectFindings())), findings);
      return findings.problems.map(({ code }) => code);
    };
    expect(codes(small)).not.toContain("closing-sum");
    expect(codes(await playLife({ mode: "counted" }))).toContain("closing-sum");
  });

  it("cannot open a cell whose open counts are too small", async () => {
    const life = await playLife({ mode: "counted", lawless: true, bitmap: 7 });
    const codes = problemsOf(verifyEvidence(life.bundle, life.trust), "close-2").map(({ code }) => code);
    expect(codes).toContain("cell-minimum");
  });
});

describe("pinned trust", () => {
  const verifyWith = (change: (trust: TrustFile) => void, bundle: EvidenceBundle = registry.bundle) => {
    const trust = copyOf(registry.trust);
    change(trust);
    return verifyEvidence(bundle, trust);
  };

  it("refuses a bundle of another network", () => {
    const report = verifyEvidence(
      { ...registry.bundle, body: { ...registry.bundle.body, network: "other" } },
      registry.trust,
    );
    expect(problemsOf(report, "network")).toMatchObject([{ where: "/body/network", code: "network-mismatch" }]);
  });

  it("demands a majority of the pinned cosigners, and that of a trust file itself", () => {
    const report = verifyWith((trust) => {
      for (const member of trust.members) member.cosigner = true;
      trust.checkpoint = trust.checkpoint?.slice(0, trust.checkpoint.lastIndexOf("\u2014"));
    });
    expect(problemsOf(report, "trust-format")).toMatchObject([
      { where: "/checkpoint", code: "trust-checkpoint", values: { because: "checkpoint-quorum" } },
    ]);
  });

  it("exported before a change of keys is one clear problem, with nothing that follows from it", () => {
    const { bundle, openedCheckpoint } = registry;
    const later = copyOf(bundle) as EvidenceBundle;
    const { record } = later.body.outcome as {
      record: { position: number; transaction: { signer: string; key: string } };
    };
    record.transaction.key = "A".repeat(22);
    const report = verifyEvidence(later, { ...registry.trust, checkpoint: openedCheckpoint });
    expect(problemsOf(report, "trust-format")).toMatchObject([
      { code: "trust-outdated", values: { position: record.position, signer: record.transaction.signer } },
    ]);
    expect(report.checks.filter(({ status }) => status === "failed")).toHaveLength(1);
    expect(report.verdict).toBe("failed");
  });

  it("finds a key that is not the one its name is made of", () => {
    const report = verifyWith((trust) => {
      trust.members[3]!.keys[0]!.publicKey = trust.members[4]!.keys[0]!.publicKey;
    });
    expect(problemsOf(report, "trust-format")[0]).toMatchObject({ where: "/members/3/keys/0", code: "trust-key-id" });
  });

  it("takes nothing that was said with a key after it was revoked", () => {
    const at = registry.bundle.body.opened.record.position + 1;
    const report = verifyWith((trust) => {
      trust.members.find(({ id }) => id === "p3")!.keys[0]!.ended = { at, how: "revoked" };
    });
    expect(problemsOf(report, "close-2")).toMatchObject([{ code: "key-revoked", values: { position: at } }]);
    expect(problemsOf(report, "views-2")).toMatchObject([{ code: "key-revoked" }]);
    expect(statusOf(report, "transaction-signatures")).toBe("passed");
  });

  it("takes no ledger record signed with a key that had been replaced", () => {
    const report = verifyWith((trust) => {
      trust.members.find(({ id }) => id === "p3")!.keys[0]!.ended = { at: 13, how: "replaced" };
    });
    expect(problemsOf(report, "transaction-signatures")).not.toEqual([]);
    expect(problemsOf(report, "transaction-signatures").every(({ code }) => code === "key-not-valid-then")).toBe(true);
    expect(statusOf(report, "views-2")).toBe("passed");
  });

  it("finds a checkpoint of the same size with another root: two histories", async () => {
    const other = await playLife({ mode: "registry", release: { reviewers: ["someone else"] } });
    expect(other.ledger.entries).toHaveLength(registry.ledger.entries.length);
    const report = verifyEvidence(other.bundle, registry.trust);
    expect(problemsOf(report, "checkpoints")).toMatchObject([{ code: "checkpoint-conflict" }]);
  });
});
