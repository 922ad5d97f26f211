import { expect, test } from "vitest";
import { createNetwork } from "./_network.ts";

interface Result {
  readonly outcome: {
    readonly kind: string;
    readonly document: { readonly cells: readonly { value: string | null }[] };
  };
}

test("a sum over five providers is exact, and its evidence verifies", async () => {
  await using network = await createNetwork({ logLevel: process.env.LOG ?? "silent" });
  const request = await network.submit();
  const view = await network.state(request, ["released", "withheld", "failed"]);
  expect(view).toMatchObject({ state: "released" });
  const result = await network.call<Result>("ministry", "GET", `/api/v1/requests/${request}/result`);
  expect(result.outcome.document.cells[0]?.value).toBe("40925.2");
}, 60_000);
