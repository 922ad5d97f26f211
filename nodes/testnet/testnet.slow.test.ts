import { expect, test } from "vitest";
import { createTestnet } from "./testnet.ts";

const MEMBERS = [
  { id: "operator", kind: "industry" },
  { id: "ministry", kind: "government" },
  { id: "alpha", kind: "enterprise" },
] as const;

test("nodes founded and joined over HTTPS hold one ledger, and outbound-only members cosign it", async () => {
  await using net = await createTestnet({ members: MEMBERS });
  const heights = await Promise.all(
    MEMBERS.map(async ({ id }) => {
      const { height, root } = await net.node(id).services.ledger.status();
      return { height, root };
    }),
  );
  expect(heights[0]?.height).toBe(3);
  expect(new Set(heights.map(({ root }) => root)).size).toBe(1);
});
