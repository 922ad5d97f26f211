import { expect, test } from "vitest";
import { assertSumsFit, largestNoise, parametersFor, parametersNamed } from "./parameters.ts";

test.each([
  [1, "bfv-4096-60-36"],
  [16, "bfv-4096-60-36"],
  [17, "bfv-4096-60-26"],
  [1000, "bfv-4096-60-26"],
])("a sum over %i members has the parameters %s", (members, id) => {
  expect(parametersFor(members).id).toBe(id);
});

test.each([0, 1001])("there are no parameters for %i members", (members) => {
  expect(() => parametersFor(members)).toThrow(expect.objectContaining({ code: "ERR_HE_PARAMETERS" }));
});

test("parameters that are not on the list are refused by name", () => {
  expect(() => parametersNamed("bfv-4096-60-37")).toThrow(/wanted one of bfv-4096-60-36, bfv-4096-60-26/);
});

test.each(["bfv-4096-60-36", "bfv-4096-60-26"])(
  "%s is checked against n times the bound before anything runs",
  (id) => {
    const set = parametersNamed(id);
    expect(() => assertSumsFit(set, set.maximumMembers)).not.toThrow();
    expect(() => assertSumsFit(set, 2 * set.maximumMembers)).toThrow(/do not fit its plain modulus/);
    const members = set.maximumMembers;
    expect(2n * set.plainModulus * largestNoise(set, members)).toBeLessThan(set.modulus);
    expect(() => assertSumsFit({ ...set, modulus: set.modulus >> 8n }, members)).toThrow(/could spoil their sum/);
  },
);
