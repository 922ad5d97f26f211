import { request } from "undici";
import { describe, expect, test } from "vitest";
import { checkedDestination, checkedPublic, createOutbound, isPublicAddress } from "./outbound.ts";

describe("an address that is not of the public internet", () => {
  test.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2002:7f00:1::",
    "2001:0:1::",
    "2001:db8::1",
    "localhost",
  ])("%s is refused", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
  test.each(["8.8.8.8", "172.32.0.1", "2606:4700::1111"])("%s is not one of them", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe("a destination is refused before anybody is called", () => {
  test.each([
    ["http://example.org/in", "destination-not-https"],
    ["file:///etc/passwd", "destination-not-https"],
    ["https://user:secret@example.org/", "destination-malformed"],
    ["https://example.org/#x", "destination-malformed"],
    ["nonsense", "destination-malformed"],
  ])("%s", (address, reason) => {
    expect(() => checkedDestination(address)).toThrow(expect.objectContaining({ reason }));
  });
  test.each([
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://169.254.169.254/latest/meta-data",
  ])("%s", (address) => {
    expect(() => checkedPublic(checkedDestination(address))).toThrow(
      expect.objectContaining({ reason: "destination-private" }),
    );
  });
});

describe("a connection", () => {
  const pinned = { isPinned: true };
  const outbound = createOutbound({
    endpoint: async () => "https://127.0.0.1:7443",
    pinned: async () => pinned as never,
  });
  test("to a member's own endpoint goes there under its pinned key, private or not", async () => {
    expect(await outbound.to("beta", new URL("https://127.0.0.1:7443/dsp/2025-1/inbox/x"))).toBe(pinned);
  });
  test("to another port of the same host is none of the member's", async () => {
    await expect(outbound.to("beta", new URL("https://127.0.0.1:22/"))).rejects.toMatchObject({
      reason: "destination-private",
    });
  });
  test("to a name that resolves to a private address is not made", async () => {
    const url = new URL("https://localhost:9/");
    const dispatcher = await outbound.to("beta", url);
    await expect(request(url, { dispatcher })).rejects.toMatchObject({ reason: "destination-private" });
    await outbound.close();
  });
});
