/** Fabric's external builder for a chaincode that runs by itself: three scripts, called by the peer in a bare environment. */

export const BUILDER_SCRIPTS: Readonly<Record<"detect" | "build" | "release", string>> = Object.freeze({
  /** detect SOURCE METADATA */
  detect: `#!/bin/sh
# This builder takes chaincode servers, and nothing else.
grep -q '"type": *"ccaas"' "$2/metadata.json"
`,
  /** build SOURCE METADATA OUTPUT */
  build: `#!/bin/sh
set -e
cp "$1/connection.json" "$3/connection.json"
`,
  /** release BUILT OUTPUT */
  release: `#!/bin/sh
set -e
mkdir -p "$2/chaincode/server"
cp "$1/connection.json" "$2/chaincode/server/connection.json"
`,
});
