/** One organisation's chaincode server as a process of its own; its place comes by environment. */
import { readFile } from "node:fs/promises";
import { CHAINCODE_ENVIRONMENT } from "./sealane-chaincode.ts";
import { serveSealane } from "./serve-sealane.ts";

const value = (name: string): string => {
  const found = process.env[name];
  if (found === undefined) throw new TypeError(`${name}: missing; this process is started by "sealane fabric up"`);
  return found;
};
const { packageId, address, key, certificate } = CHAINCODE_ENVIRONMENT;
await serveSealane({
  packageId: value(packageId),
  address: value(address),
  key: await readFile(value(key), "utf8"),
  certificate: await readFile(value(certificate), "utf8"),
});
