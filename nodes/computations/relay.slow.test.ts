import { expect, test } from "vitest";
import { createNetwork, PROVIDERS } from "./_network.ts";

test("a requester that nobody can connect to gets its agreements and its result through outbound calls only", async () => {
  await using network = await createNetwork({
    logLevel: process.env.LOG ?? "silent",
    members: [
      { id: "operator", kind: "industry" },
      { id: "ministry", kind: "government", reachable: false },
      { id: "bureau", kind: "government" },
      ...PROVIDERS.map((id) => ({ id, kind: "enterprise" as const, attributes: { sector: "17" } })),
    ],
  });
  const request = await network.submit();
  expect(await network.state(request, ["released", "failed", "cancelled"])).toMatchObject({
    state: "released",
  });
  const { outcome } = await network.call<{ outcome: { document: { cells: { value: string }[] } } }>(
    "ministry",
    "GET",
    `/api/v1/requests/${request}/result`,
  );
  expect(outcome.document.cells[0]?.value).toBe("40925.2");
  for (const member of ["ministry", "alpha"]) {
    const list = () =>
      network
        .call<{ agreements: { state: string }[] }>(member, "GET", "/api/v1/agreements")
        .then(({ agreements }) => agreements.map(({ state }) => state));
    await expect.poll(list).toEqual(Array(member === "alpha" ? 1 : PROVIDERS.length).fill("FINALIZED"));
  }
});
