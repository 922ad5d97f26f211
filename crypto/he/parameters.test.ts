import initialize from "node-seal";
import { expect, test } from "vitest";
import { assertSumsFit, largestNoise, modulusOf, parametersFor, parametersNamed } from "./parameters.ts";

const ID = "bfv-4096-104-75";

test.each([1, 16, 17, 1000])("a sum over %i members has parameters of the list", (members) => {
  expect(parametersFor(members).id).toBe(ID);
});

test.each([0, 1001])("there are no parameters for %i members", (members) => {
  expect(() => parametersFor(members)).toThrow(expect.objectContaining({ code: "ERR_HE_PARAMETERS" }));
});

test("parameters that are not on the list are refused by name", () => {
  expect(() => parametersNamed("bfv-4096-104-76")).toThrow(`wanted one of ${ID}, got bfv-4096-104-76`);
});

test("parameters are checked against n times the bound, and against the worst noise, before anything runs", () => {
  const set = parametersNamed(ID);
  const members = set.maximumMembers;
  expect(() => assertSumsFit(set, members)).not.toThrow();
  expect(() => assertSumsFit(set, 2049)).toThrow(/do not fit its plain modulus/);
  expect(() => assertSumsFit(set, 2 * members)).toThrow(/could spoil their sum/);
  expect(2n * (1n << BigInt(set.plainBits)) * largestNoise(set, members)).toBeLessThan(modulusOf(set));
  expect(() => assertSumsFit({ ...set, primes: set.primes.slice(1) }, 1)).toThrow(/could spoil their sum/);
});

test("the modulus is within what the standard allows at 128 bits for the degree, by the library's table of it", async () => {
  const { CoeffModulus, SecLevelType } = await initialize();
  const set = parametersNamed(ID);
  const bits = modulusOf(set).toString(2).length;
  expect(bits).toBe(104);
  expect(bits).toBeLessThanOrEqual(CoeffModulus.MaxBitCount(set.degree, SecLevelType.tc128));
  expect(bits).toBeGreaterThan(CoeffModulus.MaxBitCount(set.degree / 2, SecLevelType.tc128));
});
