/**
 * @openmined/psi.js (Apache-2.0), the library that `bench psi` stands beside. Fetched when the bench runs and by digest, not a
 * dependency: it brings 38 packages along (one of them with a script that downloads when it is installed), of which its code uses none.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const PACKAGE = "@openmined/psi.js@2.0.6";
const SHA512 = "ZJVe0AXGx5cvSaHbVGBiV1UEDLzWU0S8KYqKux6l1b8/9nYMhrthKuPNGdRT5VBBLj161xsZiwV27AQuxnKUrQ==";
/** No false match among so many, as its own README has it. */
const FALSE_POSITIVES = 1e-9;

interface Message {
  serializeBinary(): Uint8Array;
}
interface Reader {
  deserializeBinary(bytes: Uint8Array): Message;
}
/** As far as it is used here. */
interface Library {
  readonly dataStructure: { readonly Raw: unknown };
  readonly server: {
    createWithNewKey(reveal: boolean): {
      createSetupMessage(rate: number, clients: number, items: readonly string[], structure: unknown): Message;
      processRequest(request: Message): Message;
    };
  };
  readonly client: {
    createWithNewKey(reveal: boolean): {
      createRequest(items: readonly string[]): Message;
      getIntersection(setup: Message, response: Message): readonly number[];
    };
  };
  readonly serverSetup: Reader;
  readonly request: Reader;
  readonly response: Reader;
}

export interface OpenMined extends AsyncDisposable {
  /** A whole run, every message as the bytes it travels as. */
  intersect(asks: readonly string[], holds: readonly string[]): { readonly found: number; readonly bytes: number };
}

const run = promisify(execFile);

export async function openOpenMined(): Promise<OpenMined> {
  const folder = await mkdtemp(join(tmpdir(), "sealane-psi-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", folder, PACKAGE], { cwd: folder });
    const file = join(folder, stdout.trim());
    const digest = createHash("sha512")
      .update(await readFile(file))
      .digest("base64");
    if (digest !== SHA512) throw new Error(`${PACKAGE}: its digest is another one than that of the known package`);
    await run("tar", ["-xzf", file, "-C", folder]);
    const module = await import(pathToFileURL(join(folder, "package", "psi_wasm_node.js")).href);
    const library: Library = await module.default();
    return { intersect: (asks, holds) => intersect(library, asks, holds), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function intersect(library: Library, asks: readonly string[], holds: readonly string[]) {
  const server = library.server.createWithNewKey(true);
  const client = library.client.createWithNewKey(true);
  const setup = server
    .createSetupMessage(FALSE_POSITIVES, asks.length, holds, library.dataStructure.Raw)
    .serializeBinary();
  const request = client.createRequest(asks).serializeBinary();
  const response = server.processRequest(library.request.deserializeBinary(request)).serializeBinary();
  const found = client.getIntersection(
    library.serverSetup.deserializeBinary(setup),
    library.response.deserializeBinary(response),
  );
  return { found: found.length, bytes: setup.length + request.length + response.length };
}
