/** The matcher between two sides of which either may lie. */
import { afterEach, expect, test } from "vitest";
import { MemoryState } from "../../chaincode/rules/_world.ts";
import { keys } from "../../chaincode/rules/keys.ts";
import { fromBase64url } from "../../crypto/suites/encoding.ts";
import { type Signed, type SigningDomain, signStatement, verifySigned } from "../../crypto/suites/signed.ts";
import { matchedGroups } from "../../ledger/audit/join-statements.ts";
import { testMember } from "../../ledger/conformance/fixture.ts";
import type { Context } from "../computations/context.ts";
import { broughtBytes, bytesDigest } from "./match-bytes.ts";
import { createMatching } from "./matching.ts";
import { PIECE_BYTES } from "./messages.ts";

const RUN = "A".repeat(22);
const NOW = "2026-11-23T09:00:00.000Z";
const ITEMS = 4;
const coordinator = testMember("operator");
const point = (at: number) => new Uint8Array(32).fill(at);
const points = Buffer.concat([1, 2, 3, 4].map(point));
let matching: ReturnType<typeof createMatching>;
afterEach(() => matching.stop());

async function opened(operation = "statistics", size = ITEMS) {
  const ledger = new MemoryState();
  await ledger.put(keys.joinOpened(RUN), { requester: "ministry", provider: "alpha", body: { operation, size } });
  await ledger.put(keys.joinCommitted(RUN), { body: { size: ITEMS } });
  const sign = (domain: SigningDomain, statement: unknown) => signStatement(coordinator.identity, domain, statement);
  matching = createMatching({ services: { ledger, now: () => NOW }, sign } as unknown as Context);
}
const ASKER = broughtBytes({ points, groups: Uint16Array.of(0, 0, 1, 1) });
const HOLDER = broughtBytes({ points, groups: new Uint16Array(ITEMS), words: BigUint64Array.of(1n, 2n, 3n, 4n) });
const asking = (bytes = ASKER, groups = 2) => ({ groups, digest: bytesDigest(bytes) });
const holding = (askerGroups = 2) => ({ groups: 1, digest: bytesDigest(HOLDER), minimum: 2, columns: 1, askerGroups });
async function both(asks = asking(), holds = holding(), bytes = ASKER) {
  await matching.announce("ministry", RUN, asks);
  await matching.announce("alpha", RUN, holds);
  matching.take("ministry", RUN, 0, bytes);
  matching.take("alpha", RUN, 0, HOLDER);
  return matching.view("ministry", RUN);
}
const coded = (code: string) => expect.objectContaining({ code });

test("it signs the groups that both sides' bytes give, and what it had of each", async () => {
  await opened();
  const { matched } = await both();
  expect(matchedGroups(matched!)).toEqual([
    { group: 0, rows: Uint32Array.of(0, 1), sums: BigUint64Array.of(3n) },
    { group: 1, rows: Uint32Array.of(2, 3), sums: BigUint64Array.of(7n) },
  ]);
  const { statement } = matched!;
  expect([statement.asker, statement.holder, statement.minimum]).toEqual([bytesDigest(ASKER), bytesDigest(HOLDER), 2]);
  const publicKey = fromBase64url(coordinator.record.identity.publicKey, "key");
  expect(verifySigned(publicKey, "join", matched as Signed<unknown>)).toBe(true);
});

test("an asker with more groups than were agreed on, or other bytes than it announced, gets nothing", async () => {
  await opened();
  expect(await both(asking(), holding(1))).toEqual({ refused: "ERR_PSI_GROUP" });
  await opened();
  expect(await both({ ...asking(), digest: bytesDigest(HOLDER) })).toEqual({ refused: "ERR_PSI_MESSAGE" });
  await opened();
  const outside = broughtBytes({ points, groups: Uint16Array.of(0, 0, 1, 2) });
  expect(await both(asking(outside), holding(), outside)).toEqual({ refused: "ERR_PSI_MESSAGE" });
});

test("nobody else brings or sees anything, and each side says what is its own to say", async () => {
  await opened();
  await expect(matching.announce("beta", RUN, asking())).rejects.toThrow(coded("ERR_REQUEST_FORBIDDEN"));
  await expect(matching.announce("ministry", RUN, holding())).rejects.toThrow(coded("ERR_REQUEST_INVALID"));
  await expect(matching.announce("alpha", RUN, asking())).rejects.toThrow(coded("ERR_REQUEST_INVALID"));
  await both();
  expect(() => matching.view("beta", RUN)).toThrow(coded("ERR_REQUEST_UNKNOWN"));
  expect(() => matching.view("alpha", RUN)).toThrow(coded("ERR_REQUEST_FORBIDDEN"));
  expect(() => matching.take("beta", RUN, 0, ASKER)).toThrow(coded("ERR_REQUEST_UNKNOWN"));
});

test("pieces come in order and in their sizes; the last one may come again, and what was announced stays", async () => {
  const large = PIECE_BYTES;
  await opened("statistics", large);
  const bytes = new Uint8Array(32 * ITEMS + 2 * large);
  await matching.announce("ministry", RUN, asking(bytes));
  await expect(matching.announce("ministry", RUN, asking(HOLDER))).rejects.toThrow(coded("ERR_REQUEST_TRANSITION"));
  const piece = bytes.subarray(0, PIECE_BYTES);
  expect(() => matching.take("ministry", RUN, 1, piece)).toThrow(coded("ERR_REQUEST_TRANSITION"));
  expect(() => matching.take("ministry", RUN, 0, piece.subarray(1))).toThrow(coded("ERR_REQUEST_INVALID"));
  expect([matching.take("ministry", RUN, 0, piece), matching.take("ministry", RUN, 0, piece)]).toEqual([1, 1]);
  expect(() => matching.take("ministry", RUN, 9, piece)).toThrow(coded("ERR_REQUEST_INVALID"));
});

test("a run that is no join of sums, too large, or not on the ledger is not matched", async () => {
  await opened("cardinality");
  await expect(matching.announce("ministry", RUN, asking())).rejects.toThrow(coded("ERR_REQUEST_FORBIDDEN"));
  await opened("statistics", 2 ** 17 + 1);
  await expect(matching.announce("ministry", RUN, asking())).rejects.toThrow(coded("ERR_REQUEST_FORBIDDEN"));
  await expect(matching.announce("ministry", "B".repeat(22), asking())).rejects.toThrow(
    coded("ERR_REQUEST_UNREACHABLE"),
  );
});
