import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { SUITE_IDS } from "../../crypto/suites/suite.ts";
import { createSealingKey, sealTo } from "./sealing.ts";

const random = (bytes: number) => new Uint8Array(randomBytes(bytes));

describe.each(SUITE_IDS)("in suite %s", (suite) => {
  test("only the key it was sealed to opens a result", async () => {
    const [key, other] = [await createSealingKey(suite, random), await createSealingKey(suite, random)];
    const sealed = await sealTo(key, { value: "25132.968" }, random);
    expect(await key.open(sealed)).toEqual({ value: "25132.968" });
    await expect(other.open(sealed)).rejects.toThrow();
    expect(sealed).not.toContain("25132");
  });

  test("a sealed result that was changed does not open", async () => {
    const key = await createSealingKey(suite, random);
    const parts = (await sealTo(key, { value: 1 }, random)).split(".");
    const at = suite === "intl" ? 3 : 2;
    const text = parts[at]!;
    parts[at] = `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;
    await expect(key.open(parts.join("."))).rejects.toThrow();
  });

  test("what was sealed under another suite does not open", async () => {
    const key = await createSealingKey(suite, random);
    const other = await createSealingKey(suite === "intl" ? "gm" : "intl", random);
    await expect(key.open(await sealTo(other, { value: 1 }, random))).rejects.toThrow();
    await expect(sealTo({ ...other, suite }, { value: 1 }, random)).rejects.toThrow();
  });
});
