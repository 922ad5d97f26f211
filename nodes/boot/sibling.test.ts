import { expect, test } from "vitest";
import { assetPath, siblingPath } from "./sibling.ts";

test("a worker file has the extension of the module that starts it", () => {
  expect(siblingPath("file:///app/nodes/sources/pool.ts", "./worker")).toBe("/app/nodes/sources/worker.ts");
  expect(siblingPath("file:///app/dist/nodes/sources/pool.js", "../boot/worker")).toBe(
    "/app/dist/nodes/boot/worker.js",
  );
});

test("a caller that is no module is refused", () => {
  expect(() => siblingPath("file:///app/nodes", "./worker")).toThrow(/caller: expected the URL of a module/);
});

test("an asset keeps its own name in both trees", () => {
  expect(assetPath("file:///app/dist/nodes/i18n/text.js", "./en.json")).toBe("/app/dist/nodes/i18n/en.json");
});
