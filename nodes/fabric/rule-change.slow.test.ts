import { afterAll, afterEach, describe, expect, test } from "vitest";
import { codeDigest } from "../../chaincode/fabric/code-digest.ts";
import { createContract } from "../../chaincode/fabric/contract.ts";
import { FUNCTIONS, RULES_KEY } from "../../chaincode/fabric/messages.ts";
import { canonicalJson, digestOf, isCanonicalText } from "../../crypto/suites/digest.ts";
import { admission, anchor, founding } from "../../ledger/conformance/fixture.ts";
import { caughtUp, collect } from "../../ledger/conformance/suite.ts";
import { createSignatureQueue } from "../../ledger/contract.ts";
import { connectGateway } from "../../ledger/fabric/gateway.ts";
import type { Ledger, LedgerError } from "../../ledger/port.ts";
import { type FabricClient, type ScratchFabric, startScratchFabric } from "./_network.ts";
import { fabricForTests } from "./_skip.ts";

const binaries = await fabricForTests();
const isMissing = "missing" in binaries;
// Undefined where every test is skipped.
const fabric = (
  isMissing
    ? undefined
    : await startScratchFabric(binaries.binaries, { organisations: 2, orderers: 1, endorsement: "all" })
) as ScratchFabric;
const OLD = digestOf("the rules of the version before");

describe.skipIf(isMissing)("a change of the rules on a Fabric network", () => {
  const open: Ledger[] = [];
  afterEach(async () => {
    await Promise.all(open.map((ledger) => ledger.close()));
  });
  afterAll(() => fabric.close());

  test("nodes go on where they stood; what was endorsed before is invalid; who was behind passes through both versions", async () => {
    const [first, second] = fabric.clients as [FabricClient, FabricClient];
    const founder = first.member;
    const troubles: LedgerError[] = [];
    const opened = async (client: FabricClient, code: string, location: string): Promise<Ledger> => {
      const onTrouble = (error: unknown) => troubles.push(error as LedgerError);
      const ledger = await fabric.open(client, chaincode, { code, location, onTrouble, submitTimeoutMs: 2_000 });
      open.push(ledger);
      return ledger;
    };
    const until = (said: RegExp) => expect.poll(() => troubles.at(-1)?.message, { timeout: 30_000 }).toMatch(said);
    const [own, behind] = [await fabric.location(), await fabric.location()];

    const contract = createContract({
      signatures: createSignatureQueue,
      isCanonical: isCanonicalText,
      code: OLD,
      now: Date.now,
    });
    const servers = await fabric.serve(fabric.network.plan.organisations, contract);
    const chaincode = await fabric.deploy(OLD);
    const old = await opened(first, OLD, own);
    await old.submit([founding(founder), admission(founder, second.member)]);
    const other = await opened(second, OLD, behind);
    await caughtUp(other, 2);
    await other.close();
    await old.submit([anchor(founder, 0), anchor(founder, 1)]);
    const profile = { ...first.profile, chaincode };
    const gateway = connectGateway(profile, profile.gateways[0]!, first.client, Date.now);
    const kept = await gateway.endorse([
      JSON.stringify({ member: founder.id, code: OLD }),
      canonicalJson(anchor(founder, 2)),
    ]);

    servers.close();
    await fabric.up();
    await fabric.redefine(chaincode, codeDigest(), 2);
    await expect(old.submit([anchor(founder, 2)])).rejects.toMatchObject({ code: "ERR_LEDGER_PROFILE" });
    await old.close();

    // Nothing is in the way of what was endorsed before but that the rules have changed: its outbox is left alone.
    const fresh = await opened(second, codeDigest(), await fabric.location());
    await until(/block \d+ was made by the rules .*, this node goes by/);
    const rules = async () => Buffer.from(await gateway.evaluate(chaincode, FUNCTIONS.get, [RULES_KEY])).toString();
    await expect.poll(rules, { timeout: 30_000 }).toBe(JSON.stringify(codeDigest()));
    await kept.submit();
    expect(await kept.status()).toMatchObject({ name: "MVCC_READ_CONFLICT" });
    gateway.close();
    await fresh.close();

    const now = await opened(first, codeDigest(), own);
    await now.submit([anchor(founder, 2), anchor(founder, 3)]);
    const late = await opened(second, codeDigest(), behind);
    await until(/block \d+ was made by the rules .*, this node goes by/);
    await late.close();
    const passing = await opened(second, OLD, behind);
    await caughtUp(passing, 4);
    await until(new RegExp(`made by the rules ${codeDigest()}`));
    await passing.close();
    const there = await opened(second, codeDigest(), behind);
    await caughtUp(there, 6);
    const all = async (ledger: Ledger) => (await collect(ledger.entries(0))).map(({ transaction }) => transaction);
    expect(await all(there)).toEqual(await all(now));
    expect((await there.status()).root).toBe((await now.status()).root);
  });
});
