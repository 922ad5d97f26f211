import { expect, test } from "vitest";
import { SecaggError } from "../../crypto/secagg/errors.ts";
import { isFault } from "./deliveries.ts";
import { refusing } from "./inbound.ts";

test.each([
  ["ERR_SECAGG_STAGE", false],
  ["ERR_SECAGG_ORDER", false],
  ["ERR_SECAGG_CONFLICT", true],
  ["ERR_SECAGG_AUTHENTICITY", true],
  ["ERR_SECAGG_SIZE", true],
] as const)("who is refused by %s is at fault: %s", async (code, wanted) => {
  const refused = await refusing(() => Promise.reject(new SecaggError(code, "chunk 3 of alpha"))).catch(
    (error) => error,
  );
  expect(isFault(refused)).toBe(wanted);
});
