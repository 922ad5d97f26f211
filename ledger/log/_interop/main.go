// Verifies Sealane's checkpoints, cosignatures, inclusion and consistency proofs with the Go project's own
// implementation of signed notes and transparency logs. Reads one JSON object, prints one verdict per case: "ok" or why
// not. See interop.slow.test.ts.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type key struct {
	Name      string `json:"name"`
	PublicKey []byte `json:"publicKey"`
}

type input struct {
	Log       key   `json:"log"`
	Cosigners []key `json:"cosigners"`
	Quorum    int   `json:"quorum"`
	// Proof is a c2sp.org/tlog-proof@v1 text for the leaf.
	Inclusion []struct{ Leaf, Proof string } `json:"inclusion"`
	// Path shows that the log of checkpoint New extends that of Old.
	Consistency []struct {
		Old  string   `json:"old"`
		New  string   `json:"new"`
		Path [][]byte `json:"path"`
	} `json:"consistency"`
}

type head struct {
	size int64
	root tlog.Hash
}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	out := struct {
		Inclusion   []string `json:"inclusion"`
		Consistency []string `json:"consistency"`
	}{}
	for _, c := range in.Inclusion {
		out.Inclusion = append(out.Inclusion, verdict(in.included(c.Leaf, c.Proof)))
	}
	for _, c := range in.Consistency {
		out.Consistency = append(out.Consistency, verdict(in.extends(c.Old, c.New, c.Path)))
	}
	json.NewEncoder(os.Stdout).Encode(out)
}

func verdict(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// c2sp.org/tlog-proof: header, index, path lines, empty line, checkpoint.
func (in *input) included(leaf, proof string) error {
	front, checkpoint, found := strings.Cut(proof, "\n\n")
	lines := strings.Split(front, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("proof: malformed")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		path = append(path, hash)
	}
	tree, err := in.open(checkpoint)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(path, tree.size, tree.root, index, tlog.RecordHash([]byte(leaf)))
}

func (in *input) extends(old, next string, hashes [][]byte) error {
	before, err := in.open(old)
	if err != nil {
		return err
	}
	after, err := in.open(next)
	if err != nil {
		return err
	}
	var path tlog.TreeProof
	for _, hash := range hashes {
		path = append(path, tlog.Hash(hash))
	}
	return tlog.CheckTree(path, after.size, after.root, before.size, before.root)
}

// The log's own signature by the note package, the quorum by hand: the note package has no cosignatures.
func (in *input) open(text string) (head, error) {
	name, err := note.NewEd25519VerifierKey(in.Log.Name, ed25519.PublicKey(in.Log.PublicKey))
	if err != nil {
		return head{}, err
	}
	verifier, err := note.NewVerifier(name)
	if err != nil {
		return head{}, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return head{}, err
	}
	valid := map[string]bool{}
	for _, signature := range opened.UnverifiedSigs {
		for _, cosigner := range in.Cosigners {
			if cosigner.Name == signature.Name && cosigned(cosigner, opened.Text, signature) {
				valid[cosigner.Name] = true
			}
		}
	}
	if len(valid) < in.Quorum {
		return head{}, fmt.Errorf("quorum: %d of %d", len(valid), in.Quorum)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != in.Log.Name {
		return head{}, errors.New("checkpoint: malformed")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return head{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return head{size, root}, err
}

// c2sp.org/tlog-cosignature, type 0x04: key id, big-endian seconds, Ed25519 over header line, time line and note text.
func cosigned(cosigner key, text string, signature note.Signature) bool {
	id := sha256.Sum256(append([]byte(cosigner.Name+"\n\x04"), cosigner.PublicKey...))
	bytes, err := base64.StdEncoding.DecodeString(signature.Base64)
	if err != nil || len(bytes) != 4+8+ed25519.SignatureSize || signature.Hash != binary.BigEndian.Uint32(id[:4]) {
		return false
	}
	seconds := binary.BigEndian.Uint64(bytes[4:12])
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, text)
	return ed25519.Verify(cosigner.PublicKey, []byte(message), bytes[12:])
}
