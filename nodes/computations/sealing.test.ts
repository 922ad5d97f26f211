import { expect, test } from "vitest";
import { createSealingKey, sealTo } from "./sealing.ts";

test("only the key it was sealed to opens a result", async () => {
  const [key, other] = await Promise.all([createSealingKey(), createSealingKey()]);
  const sealed = await sealTo(key.publicKey, { value: "25132.968" });
  expect(await key.open(sealed)).toEqual({ value: "25132.968" });
  await expect(other.open(sealed)).rejects.toThrow();
  expect(sealed).not.toContain("25132");
});

test("a sealed result that was changed does not open", async () => {
  const key = await createSealingKey();
  const sealed = await sealTo(key.publicKey, { value: 1 });
  const parts = sealed.split(".");
  const text = parts[3]!;
  parts[3] = `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`;
  await expect(key.open(parts.join("."))).rejects.toThrow();
});
