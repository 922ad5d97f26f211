/** Offers that wait for the provider's steward, on a real ledger and the real engine; and what a crash makes of them. */
import { describe, expect, onTestFinished, test } from "vitest";
import { agreementIdOf } from "../../chaincode/rules/agreement-id.ts";
import { keys, readAgreement, readReleaseDecision } from "../../chaincode/rules/keys.ts";
import { digestOf } from "../../crypto/suites/digest.ts";
import { negotiationTermination, verificationMessage } from "../../exchange/negotiation/compose.ts";
import { NEGOTIATION_COLLECTION } from "../../exchange/protocol/paths.ts";
import { causeOf } from "../../exchange/protocol/vocabulary.ts";
import { explanationDigest } from "../../exchange/requests/agreement-record.ts";
import { uuidOf } from "../../exchange/requests/record.ts";
import { releaseAgreementOf } from "../../exchange/transfers/release-agreement.ts";
import { type StewardWord, saltedExplanation } from "../../exchange/transfers/release-decision.ts";
import { transaction } from "../../ledger/conformance/fixture.ts";
import { type Ledger, LedgerError } from "../../ledger/port.ts";
import { SOON } from "../dataspace/_world.ts";
import type { RecordStore } from "../store/records.ts";
import {
  ASSET,
  CONSUMER,
  DAY_MS,
  DECLARED,
  NOW,
  OTHER,
  PROVIDER,
  type ProviderDisk,
  type ProviderSide,
  providerDisk,
  providerSide,
  releasePolicy,
} from "./_provider-side.ts";
import { MOST_WAITING } from "./approvals.ts";

const STEWARD = "operator/steward";
/** What the provider calls the negotiation that the first message begins. */
const PID = uuidOf({ collection: NEGOTIATION_COLLECTION, role: "provider", peer: CONSUMER.id, pid: "pid-1" });
const POLICY = releasePolicy({ approval: "steward" });
const approved = { outcome: "approved", by: STEWARD } as const;
const refused = { outcome: "refused", by: STEWARD, words: "Ask again after the audit, please." } as const;

async function desk() {
  const disk = await providerDisk(POLICY);
  return { disk, side: run(disk) };
}
function run(disk: ProviderDisk, ledger?: Ledger): ProviderSide {
  const side = providerSide(disk, ledger);
  onTestFinished(() => side.engine.stop());
  return side;
}
async function restarted(disk: ProviderDisk, before: ProviderSide, ledger?: Ledger): Promise<ProviderSide> {
  await before.engine.stop();
  const side = run(disk, ledger);
  await side.engine.start();
  await side.approvals.start();
  return side;
}
async function waiting(side: ProviderSide, name = "pid-1", consumer = CONSUMER): Promise<string> {
  const { providerPid } = await side.asked({}, name, consumer);
  await expect.poll(async () => (await pids(side)).includes(providerPid), SOON).toBe(true);
  return providerPid;
}
const pids = async ({ approvals }: ProviderSide) => (await approvals.list()).map(({ negotiation }) => negotiation);
const becomes = (side: ProviderSide, pid: string, state: string) =>
  expect.poll(() => side.state(pid), SOON).toBe(state);
const decision = ({ ledger }: ProviderDisk, pid: string) => readReleaseDecision(ledger, PROVIDER.id, pid);
async function verified({ engine }: ProviderSide, pid: string): Promise<void> {
  const verification = verificationMessage((await engine.find(pid))!.side.document!);
  await engine.take(CONSUMER.id, pid, verification, "ContractAgreementVerificationMessage");
}
async function finalized(disk: ProviderDisk, side: ProviderSide, name?: string) {
  const pid = await waiting(side, name);
  await side.approvals.decide(pid, approved);
  await becomes(side, pid, "AGREED");
  await verified(side, pid);
  await becomes(side, pid, "FINALIZED");
  const { agreement } = (await disk.agreements.get(agreementIdOf(pid, ASSET.id)))!;
  return { pid, agreement };
}
/** Of everything that the provider keeps. */
async function storeOf(disk: ProviderDisk): Promise<string> {
  const all = [];
  for (const store of [disk.records, disk.waiting, disk.decisions, disk.agreements, disk.marks]) {
    for await (const entry of store.entries()) all.push(entry);
  }
  return digestOf({ all, height: (await disk.ledger.status()).height });
}

describe("records that a policy leaves to a steward", () => {
  test("are not left on the desk where the consumer goes while they are put there", async () => {
    const { disk } = await desk();
    const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow: typeof disk.waiting = {
      ...disk.waiting,
      async put(id, one) {
        reached.resolve();
        await gate.promise;
        await disk.waiting.put(id, one);
      },
    };
    const side = run({ ...disk, waiting: slow });
    const { providerPid } = await side.asked({});
    await reached.promise;
    const document = (await side.engine.find(providerPid))!.side.document!;
    const end = negotiationTermination(document, causeOf("wanted-no-more"));
    await side.engine.take(CONSUMER.id, providerPid, end, end["@type"]);
    gate.resolve();
    await side.engine.stop();
    expect(await pids(side)).toEqual([]);
  });

  test("wait, with everything that the steward has to know", async () => {
    const { disk, side } = await desk();
    const masks = [{ element: "person-id", mask: "pseudonym" } as const];
    const release = { elements: ["year", "person-id"], masks, formats: ["HttpData-PULL"] as const, rows: 50 };
    await disk.activate(releasePolicy({ approval: "steward", release }), 2);
    const pid = await waiting(side);
    expect(await side.state(pid)).toBe("REQUESTED");
    expect(await side.approvals.list()).toEqual([
      {
        negotiation: pid,
        consumer: CONSUMER.id,
        asset: ASSET.id,
        assetVersion: 1,
        policyDigest: digestOf(disk.world.policy),
        declared: DECLARED,
        columns: [
          { name: "year", element: "year" },
          { name: "person", element: "person-id", mask: masks[0] },
        ],
        formats: ["HttpData-PULL"],
        rows: 50,
        bytes: 2 ** 30,
        since: NOW,
        until: new Date(Date.parse(NOW) + 7 * DAY_MS).toISOString(),
      },
    ]);
    expect(await decision(disk, pid)).toBeUndefined();
  });

  test("are agreed on once they are approved, and the ledger has the decision before", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    expect(await side.approvals.decide(pid, approved)).toMatchObject({ outcome: "permit" });
    await becomes(side, pid, "AGREED");
    const recorded = await decision(disk, pid);
    expect(recorded).toMatchObject({ decision: { outcome: "permit", consumer: CONSUMER.id, decidedBy: STEWARD } });
    const { explanation } = (await side.engine.find(pid))!.side.document!;
    expect(recorded!.decision.explanationDigest).toBe(explanationDigest(explanation!));
    expect(explanation!.document).toMatchObject({ declared: DECLARED, columns: [{ name: "year" }] });
    await verified(side, pid);
    await becomes(side, pid, "FINALIZED");
    const { agreement } = (await disk.agreements.get(agreementIdOf(pid, ASSET.id)))!;
    expect(await side.permission(agreement)).toMatchObject({ ok: true });
    await expect.poll(() => side.approvals.list(), SOON).toEqual([]);
  });

  test("are refused with the steward's words, which the ledger does not have", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    expect(await side.approvals.decide(pid, refused)).toMatchObject({ reasons: ["approval-refused"] });
    await becomes(side, pid, "TERMINATED");
    expect(await side.ended(pid)).toMatchObject({ by: "provider", code: "approval-refused", reason: [refused.words] });
    const recorded = await decision(disk, pid);
    expect(recorded?.decision).toMatchObject({ outcome: "refuse", reasons: ["approval-refused"] });
    expect(JSON.stringify(recorded)).not.toContain(refused.words);
    expect((await disk.decisions.get(pid))?.words).toBe(refused.words);
  });

  test("end without a decision in time, and none is taken after it", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    disk.world.now = new Date(Date.parse(NOW) + 7 * DAY_MS).toISOString();
    await expect(side.approvals.decide(pid, approved)).rejects.toMatchObject({ reason: "approval-not-given" });
    await becomes(side, pid, "TERMINATED");
    expect(await side.ended(pid)).toMatchObject({ by: "provider", code: "approval-not-given" });
    await expect(side.approvals.decide(pid, approved)).rejects.toMatchObject({ code: "ERR_TRANSFER_UNKNOWN" });
    expect(await disk.decisions.get(pid)).toBeUndefined();
    expect(await decision(disk, pid)).toBeUndefined();
  });

  test("that were asked for before a restart end at the deadline that they had", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    disk.world.now = new Date(Date.parse(NOW) + 6 * DAY_MS).toISOString();
    const second = await restarted(disk, side);
    expect(await pids(second)).toEqual([pid]);
    disk.world.now = new Date(Date.parse(NOW) + 7 * DAY_MS).toISOString();
    const third = await restarted(disk, second);
    await becomes(third, pid, "TERMINATED");
    expect(await third.ended(pid)).toMatchObject({ code: "approval-not-given" });
    await expect.poll(() => pids(third), SOON).toEqual([]);
  });

  test("wait no more when their consumer ends it", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    const { document } = (await side.engine.find(pid))!.side;
    const end = negotiationTermination(document!, causeOf("not-needed"));
    await side.engine.take(CONSUMER.id, pid, end, "ContractNegotiationTerminationMessage");
    await expect.poll(() => pids(side), SOON).toEqual([]);
    await expect(side.approvals.decide(pid, approved)).rejects.toMatchObject({ code: "ERR_TRANSFER_UNKNOWN" });
    expect(await decision(disk, pid)).toBeUndefined();
  });
});

describe("a steward's word", () => {
  test("stands: the same one is answered again, the other one is refused, before and after the agreement", async () => {
    const { disk, side } = await desk();
    const { pid } = await finalized(disk, side);
    const once = await decision(disk, pid);
    expect(await side.approvals.decide(pid, approved)).toMatchObject({ outcome: "permit" });
    await expect(side.approvals.decide(pid, refused)).rejects.toMatchObject({ reason: "decision-stands" });
    const ended = await waiting(side, "pid-2");
    await side.approvals.decide(ended, refused);
    await expect(side.approvals.decide(ended, approved)).rejects.toMatchObject({ reason: "decision-stands" });
    await becomes(side, ended, "TERMINATED");
    await expect(side.approvals.decide(ended, approved)).rejects.toMatchObject({ reason: "decision-stands" });
    expect(await decision(disk, pid)).toEqual(once);
  });

  test("is one word where two are said at once", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    const said = await Promise.allSettled(
      [approved, refused, approved].map((word) => side.approvals.decide(pid, word)),
    );
    expect(said.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((await decision(disk, pid))?.decision.outcome).toBe("permit");
  });

  test.each([
    ["nobody knows", "ERR_TRANSFER_UNKNOWN", async () => "0a0d6a5c-9f0e-4f0e-8d3c-6a2a0f0c0001"],
    [
      "this member asks in itself",
      "ERR_TRANSFER_REFUSED",
      async ({ records }: ProviderDisk, side: ProviderSide) => {
        const pid = await waiting(side);
        const record = (await records.get(pid))!;
        await records.put("own", { ...record, pid: "own", side: { ...record.side, role: "consumer" } });
        return "own";
      },
    ],
  ])("on a negotiation that %s counts for nothing, and nothing is written", async (_name, code, pidOf) => {
    const { disk, side } = await desk();
    const pid = await pidOf(disk, side);
    const before = await storeOf(disk);
    await expect(side.approvals.decide(pid, approved)).rejects.toMatchObject({ code });
    expect(await storeOf(disk)).toBe(before);
  });
});

describe("an approval is no approval", () => {
  test("of another policy: what waits ends when the policy is replaced", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    await disk.activate(releasePolicy({ approval: "steward", retentionDays: 100 }), 2);
    await expect(side.approvals.decide(pid, approved)).rejects.toMatchObject({ reason: "policy-replaced" });
    await becomes(side, pid, "TERMINATED");
    expect(await side.ended(pid)).toMatchObject({ code: "policy-replaced" });
    expect(await decision(disk, pid)).toBeUndefined();
  });

  test("of another policy: one that is replaced while the decision is on its way takes it back", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    const { ledger } = disk;
    const late: Ledger = {
      ...ledger,
      get: (key) => ledger.get(key),
      range: (prefix) => ledger.range(prefix),
      async submit(transactions) {
        await disk.activate(releasePolicy({ approval: "steward", retentionDays: 100 }), 2);
        return await ledger.submit(transactions);
      },
    };
    const back = await restarted(disk, side, late);
    await expect(back.approvals.decide(pid, approved)).rejects.toMatchObject({
      rejection: { code: "ERR_CONTRACT_POLICY" },
    });
    await becomes(back, pid, "TERMINATED");
    expect(await back.ended(pid)).toMatchObject({ code: "policy-replaced" });
    expect([await disk.decisions.get(pid), await decision(disk, pid)]).toEqual([undefined, undefined]);
  });

  test("of another policy: what was approved is not agreed on when the policy is replaced before", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    await side.approvals.decide(pid, approved);
    await becomes(side, pid, "AGREED");
    await disk.activate(releasePolicy({ approval: "steward", retentionDays: 100 }), 2);
    await verified(side, pid);
    await becomes(side, pid, "TERMINATED");
    expect(await side.ended(pid)).toMatchObject({ code: "agreement-not-recorded" });
    expect(await readAgreement(disk.ledger, agreementIdOf(pid, ASSET.id))).toBeUndefined();
  });

  test("of another policy: nothing leaves any more under the agreement, until the new one is approved too", async () => {
    const { disk, side } = await desk();
    const { agreement } = await finalized(disk, side);
    // In a word that has nothing to do with the release.
    await disk.activate(releasePolicy({ approval: "steward", minimumOrganisations: 6 }), 2);
    expect(await side.permission(agreement)).toEqual({ ok: false, reason: "policy-replaced" });
    const anew = await finalized(disk, side, "pid-2");
    expect(await side.permission(anew.agreement)).toMatchObject({ ok: true });
    expect(await side.permission(agreement)).toEqual({ ok: false, reason: "policy-replaced" });
  });

  test("where a steward is asked for from now on: what was agreed on without one leaves no more", async () => {
    const disk = await providerDisk(releasePolicy());
    const side = run(disk);
    const { providerPid: pid } = await side.asked();
    await becomes(side, pid, "AGREED");
    await verified(side, pid);
    await becomes(side, pid, "FINALIZED");
    const { agreement } = (await disk.agreements.get(agreementIdOf(pid, ASSET.id)))!;
    expect(await side.permission(agreement)).toMatchObject({ ok: true });
    await disk.activate(POLICY, 2);
    expect(await side.permission(agreement)).toEqual({ ok: false, reason: "policy-replaced" });
  });

  test("of another version of the asset: what waits ends, and what was agreed on leaves no more", async () => {
    const { disk, side } = await desk();
    const { agreement } = await finalized(disk, side);
    const pid = await waiting(side, "pid-2");
    await disk.register(2);
    await expect(side.approvals.decide(pid, approved)).rejects.toMatchObject({ reason: "asset-version-changed" });
    await becomes(side, pid, "TERMINATED");
    expect(await side.ended(pid)).toMatchObject({ code: "asset-version-changed" });
    expect(await side.permission(agreement)).toEqual({ ok: false, reason: "asset-version-changed" });
  });

  test("where the ledger has none: an agreement that was concluded past the steward opens nothing", async () => {
    const { disk, side } = await desk();
    const negotiation = "0a0d6a5c-9f0e-4f0e-8d3c-6a2a0f0c0002";
    const id = agreementIdOf(negotiation, ASSET.id);
    const about = { policy: POLICY, assetVersion: 1, consumer: CONSUMER.id, declaration: DECLARED, timestamp: NOW };
    const agreement = releaseAgreementOf({ id, ...about });
    const body = {
      ...{ agreement: id, negotiation, asset: ASSET.id, assetVersion: 1, consumer: CONSUMER.id },
      policy: { digest: digestOf(POLICY), version: 1 },
      digest: digestOf(agreement),
      validUntil: agreement["sealane:validUntil"],
    };
    await disk.ledger.submit([transaction(PROVIDER, "agreement.conclude", body)]);
    expect(await side.permission(agreement)).toEqual({ ok: false, reason: "approval-not-recorded" });
  });

  test("where it is one for another consumer: each of two that ask for the same waits for its own", async () => {
    const { disk, side } = await desk();
    const mine = await waiting(side, "pid-1", CONSUMER);
    const theirs = await waiting(side, "pid-1", OTHER);
    await side.approvals.decide(mine, approved);
    await becomes(side, mine, "AGREED");
    expect(await side.state(theirs)).toBe("REQUESTED");
    expect(await pids(side)).toContain(theirs);
    expect(await decision(disk, theirs)).toBeUndefined();
  });
});

describe("a crash", () => {
  const failing = ({ ledger }: ProviderDisk, isTaken: boolean): Ledger => ({
    ...ledger,
    get: (key) => ledger.get(key),
    range: (prefix) => ledger.range(prefix),
    async submit(transactions) {
      if (isTaken) await ledger.submit(transactions);
      throw new LedgerError("ERR_LEDGER_UNREACHABLE", "the sequencer is away");
    },
  });

  test.each([
    ["before the ledger has it", false],
    ["when the ledger has it and nobody has heard so", true],
  ])("%s loses no decision: it is the one that was made, and is acted on after the restart", async (_name, isTaken) => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    const cut = await restarted(disk, side, failing(disk, isTaken));
    await expect(cut.approvals.decide(pid, approved)).rejects.toMatchObject({ code: "ERR_LEDGER_UNREACHABLE" });
    await expect(cut.approvals.decide(pid, refused)).rejects.toMatchObject({ reason: "decision-stands" });
    const made = await disk.decisions.get(pid);
    // A decision that was made in time is one, however late the ledger hears of it.
    disk.world.now = new Date(Date.parse(NOW) + 8 * DAY_MS).toISOString();
    const back = await restarted(disk, cut);
    await becomes(back, pid, "AGREED");
    expect((await decision(disk, pid))?.decision).toMatchObject({ outcome: "permit" });
    expect(await disk.decisions.get(pid)).toEqual(made);
  });

  test("while it waits loses nothing: it goes on waiting, and is decided on", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    const asked = await side.approvals.list();
    const back = await restarted(disk, side);
    expect(await back.approvals.list()).toEqual(asked);
    expect(await back.state(pid)).toBe("REQUESTED");
    await back.approvals.decide(pid, approved);
    await becomes(back, pid, "AGREED");
  });

  test("between an end and the desk leaves nothing on the desk", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    const asked = (await disk.waiting.get(pid))!;
    await side.approvals.decide(pid, refused);
    await becomes(side, pid, "TERMINATED");
    await expect.poll(() => pids(side), SOON).toEqual([]);
    await disk.waiting.put(pid, asked);
    expect(await pids(await restarted(disk, side))).toEqual([]);
  });

  test("that takes the store leaves the decision: the first message again begins nothing", async () => {
    const { disk, side } = await desk();
    const pid = await waiting(side);
    await side.approvals.decide(pid, refused);
    await becomes(side, pid, "TERMINATED");
    await side.engine.stop();
    for (const store of [disk.records, disk.waiting, disk.decisions]) await store.delete(pid);
    const back = run(disk);
    await expect(back.asked({ retentionDays: 3 })).rejects.toMatchObject({ said: { code: "pid-taken" } });
    expect(await disk.ledger.get(keys.releaseDecision(PROVIDER.id, pid))).toBeDefined();
  });
});

describe("a process that dies at a write", () => {
  /** The disk as a process sees it that dies right before or right after its nth write, and does nothing from then on. */
  function mortal(disk: ProviderDisk, nth: number, when: "before" | "after") {
    const life = { writes: 0, isOver: false };
    const dying = async <T>(write: () => Promise<T>): Promise<T> => {
      if (life.isOver) throw new Error("dead");
      life.writes += 1;
      const isLast = life.writes === nth;
      if (isLast) life.isOver = true;
      if (isLast && when === "before") throw new Error("dead");
      const written = await write();
      if (isLast) throw new Error("dead");
      return written;
    };
    const store = <V>(whole: RecordStore<V>): RecordStore<V> => ({
      ...whole,
      put: (id, value) => dying(() => whole.put(id, value)),
      delete: (id) => dying(() => whole.delete(id)),
    });
    const { records, waiting, decisions, agreements, marks, open, ledger } = disk;
    const seen: ProviderDisk = {
      ...disk,
      ...{ records: store(records), waiting: store(waiting), decisions: store(decisions) },
      ...{ agreements: store(agreements), marks: store(marks), open: store(open) },
    };
    const wired: Ledger = {
      ...ledger,
      get: (key) => ledger.get(key),
      range: (prefix) => ledger.range(prefix),
      submit: (transactions) => dying(() => ledger.submit(transactions)),
    };
    return { life, seen, wired };
  }

  /** What consumer and steward do, again after a death, because they have heard nothing. Resolves at the end or the death. */
  async function lived(side: ProviderSide, word: StewardWord, isOver: () => boolean): Promise<void> {
    await side.engine.start();
    await side.approvals.start();
    const end = word.outcome === "approved" ? "FINALIZED" : "TERMINATED";
    const until = (states: readonly string[]) =>
      expect.poll(async () => isOver() || states.includes((await side.state(PID)) ?? ""), SOON).toBe(true);
    const mayDie = async (work: () => Promise<unknown>) => {
      if (!isOver()) await work().catch((error: unknown) => expect(isOver(), String(error)).toBe(true));
    };
    await mayDie(() => side.asked());
    await expect
      .poll(async () => isOver() || (await pids(side)).includes(PID) || (await side.state(PID)) !== "REQUESTED", SOON)
      .toBe(true);
    await mayDie(() => side.approvals.decide(PID, word));
    await until([end, "AGREED", "VERIFIED"]);
    if (!isOver() && (await side.state(PID)) === "AGREED") {
      // The acknowledgement of the agreement may be on its way.
      await expect
        .poll(
          async () =>
            isOver() ||
            (await verified(side, PID).then(
              () => true,
              () => false,
            )),
          SOON,
        )
        .toBe(true);
    }
    await until([end]);
  }

  test.each([approved, refused])(
    "loses nothing and says nothing twice, whichever write it is: $outcome",
    async (word) => {
      const whole = mortal(await providerDisk(POLICY), 0, "before");
      await lived(run(whole.seen, whole.wired), word, () => false);
      expect(whole.life.writes).toBeGreaterThan(5);
      for (let nth = 1; nth <= whole.life.writes; nth++) {
        for (const when of ["before", "after"] as const) {
          const disk = await providerDisk(POLICY);
          const { life, seen, wired } = mortal(disk, nth, when);
          const first = run(seen, wired);
          await lived(first, word, () => life.isOver);
          await first.engine.stop();
          const { height } = await disk.ledger.status();
          const second = run(disk);
          await lived(second, word, () => false);
          const at = `write ${nth}, ${when}`;
          const outcome = word.outcome === "approved" ? "permit" : "refuse";
          const { decision: recorded } = (await decision(disk, PID))!;
          expect(recorded.outcome, at).toBe(outcome);
          const kept = (await disk.decisions.get(PID))!;
          expect(explanationDigest(saltedExplanation(kept)), at).toBe(recorded.explanationDigest);
          const agreement = (await disk.agreements.get(agreementIdOf(PID, ASSET.id)))?.agreement;
          expect(agreement !== undefined && (await second.permission(agreement)).ok, at).toBe(outcome === "permit");
          await expect.poll(() => pids(second), SOON).toEqual([]);
          // One record for the decision, one for the agreement, each once over both lives.
          const before = (await whole.seen.ledger.status()).height;
          expect((await disk.ledger.status()).height, at).toBe(before);
          expect(height, at).toBeLessThanOrEqual(before);
          await second.engine.stop();
        }
      }
    },
    120_000,
  );
});

describe("what one consumer may lay before a steward", () => {
  test("is so much at once, also where all of it comes at once; another consumer has its own share", async () => {
    const { side } = await desk();
    const names = Array.from({ length: MOST_WAITING + 4 }, (_, at) => `pid-${at}`);
    const begun = (await Promise.allSettled(names.map((name) => side.asked({}, name)))).flatMap((one) =>
      one.status === "fulfilled" ? [one.value.providerPid] : [],
    );
    const causes = async () => await Promise.all(begun.map(async (pid) => (await side.ended(pid))?.code));
    await expect
      .poll(async () => (await causes()).filter((code) => code === undefined).length, SOON)
      .toBe(MOST_WAITING);
    expect(new Set(await causes())).toEqual(new Set([undefined, "too-many-approvals"]));
    expect(await pids(side)).toHaveLength(MOST_WAITING);
    await expect(side.asked({}, "more")).rejects.toMatchObject({ said: { code: "too-many-approvals" } });
    await waiting(side, "theirs", OTHER);
    // What is decided on makes room.
    const [first] = await pids(side);
    await side.approvals.decide(first!, refused);
    await becomes(side, first!, "TERMINATED");
    await expect.poll(async () => (await pids(side)).includes(first!), SOON).toBe(false);
    await waiting(side, "more");
  });
});
